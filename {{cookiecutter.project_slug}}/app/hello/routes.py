"""The smallest app there is: `manage.py startapp` begins one with more in it. May be deleted."""

from fastapi import APIRouter

from app.accounts import AccessToken

router = APIRouter(tags=["hello"])


@router.get("/protected")
async def protected(token: AccessToken) -> dict[str, str]:
    return {"message": "Hello, authenticated user!"}
