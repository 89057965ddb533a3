"""What an orchestrator asks."""

from fastapi import APIRouter

from app.core.web import public

router = APIRouter(prefix="/health", tags=["health"])


@router.head("/live", include_in_schema=False)  # as some monitors ask
@router.get("/live")
@public
async def live() -> dict[str, str]:
    """The process runs and its event loop turns; nothing else is looked at."""
    return {"status": "ok"}
