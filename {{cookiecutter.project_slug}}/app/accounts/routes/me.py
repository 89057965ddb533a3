from fastapi import APIRouter

from app.accounts.auth import CurrentUser
from app.accounts.schemas import UserRead

router = APIRouter(prefix="/users/me", tags=["me"])


@router.get("")
async def read_me(user: CurrentUser) -> UserRead:
    return UserRead.model_validate(user)
