"""The smallest possible app. You can delete it. `manage.py startapp` makes a larger one."""

from fastapi import APIRouter

from app.accounts import AccessToken

router = APIRouter(tags=["hello"])


@router.get("/protected")
async def protected(token: AccessToken) -> dict[str, str]:
    return {"message": "Hello, authenticated user!"}
