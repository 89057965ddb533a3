from fastapi import APIRouter, status

from app.accounts.authentication.backends import CurrentUser
from app.accounts.use_cases import Accounts
from app.accounts.users.schemas import PasswordChange, PasswordConfirmation, ProfileUpdate, UserRead
from app.core.web import raises

router = APIRouter(prefix="/users/me", tags=["me"])


@router.get("")
async def read_me(user: CurrentUser) -> UserRead:
    return UserRead.model_validate(user)


@router.patch("")
@raises(400, 409, 429)
async def update_me(changes: ProfileUpdate, user: CurrentUser, accounts: Accounts) -> UserRead:
    """Change your name or e-mail address. A new address takes effect after you confirm it with the link in a mail."""
    return UserRead.model_validate(await accounts.update_profile(user.id, changes))


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
@raises(400, 409, 429)
async def delete_me(confirmation: PasswordConfirmation, user: CurrentUser, accounts: Accounts) -> None:
    """Delete your account with all that belongs to it."""
    await accounts.delete_account(user.id, confirmation.password)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT)
@raises(400, 429)
async def change_password(change: PasswordChange, user: CurrentUser, accounts: Accounts) -> None:
    """Set a new password. This logs out all your other devices."""
    await accounts.change_password(user.id, change.current_password, change.new_password, keep=user.session_id)
