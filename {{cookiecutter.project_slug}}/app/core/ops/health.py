"""Health probes for orchestrators and monitoring."""

from fastapi import APIRouter

from app.core.web import public

router = APIRouter(prefix="/health", tags=["health"])


@router.head("/live", include_in_schema=False)  # some monitors use HEAD
@router.get("/live")
@public
async def live() -> dict[str, str]:
    """Tell that the process runs and its event loop turns. It checks nothing else."""
    return {"status": "ok"}
