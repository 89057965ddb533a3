"""The smallest app there is: copy this folder to begin one of your own, or delete it."""

from fastapi import APIRouter

from app.accounts.auth import AccessToken

router = APIRouter(tags=["hello"])


@router.get("/protected")
async def protected(token: AccessToken) -> dict[str, str]:
    return {"message": "Hello, authenticated user!"}
