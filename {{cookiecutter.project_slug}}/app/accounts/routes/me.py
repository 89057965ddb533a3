from fastapi import APIRouter, status

from app.accounts import services
from app.accounts.auth import CurrentUser
from app.accounts.dependencies import Logins, PasswordRules
from app.accounts.schemas import PasswordChange, PasswordConfirmation, UserRead
from app.core.database import Db
from app.core.openapi import raises

router = APIRouter(prefix="/users/me", tags=["me"])


@router.get("")
async def read_me(user: CurrentUser) -> UserRead:
    return UserRead.model_validate(user)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
@raises(400, 409)
async def delete_me(
    confirmation: PasswordConfirmation, user: CurrentUser, db: Db, passwords: PasswordRules, logins: Logins
) -> None:
    """Delete the account, and all that belongs to it."""
    await services.delete_account(db, passwords, logins, user.id, confirmation.password)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT)
@raises(400)
async def change_password(
    change: PasswordChange, user: CurrentUser, db: Db, passwords: PasswordRules, logins: Logins
) -> None:
    """Set a new password; every other device is logged out."""
    await services.change_password(
        db, passwords, logins, user.id, change.current_password, change.new_password, user.session_id
    )
