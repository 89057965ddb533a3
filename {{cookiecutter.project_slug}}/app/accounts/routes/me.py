from fastapi import APIRouter, status

from app.accounts import services
from app.accounts.auth import CurrentUser
from app.accounts.dependencies import Logins, Mails, PasswordRules
from app.accounts.schemas import PasswordChange, PasswordConfirmation, ProfileUpdate, UserRead
from app.core.database import Db
from app.core.openapi import raises
from app.core.tasks import Tasks

router = APIRouter(prefix="/users/me", tags=["me"])


@router.get("")
async def read_me(user: CurrentUser) -> UserRead:
    return UserRead.model_validate(user)


@router.patch("")
@raises(400, 409)
async def update_me(
    changes: ProfileUpdate,
    user: CurrentUser,
    db: Db,
    mails: Mails,
    tasks: Tasks,
    passwords: PasswordRules,
    logins: Logins,
) -> UserRead:
    """Change the name; or the e-mail address, which counts once the link that is mailed to it was used."""
    if changes.email is not None and changes.current_password is not None:
        confirmed = await services.confirm_password(db, passwords, logins, user.id, changes.current_password)
        await mails.count(changes.email)
        await services.request_new_email(db, tasks, confirmed, changes.email)
    return UserRead.model_validate(await services.update_profile(db, user.id, changes.full_name))


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
    change: PasswordChange, user: CurrentUser, db: Db, tasks: Tasks, passwords: PasswordRules, logins: Logins
) -> None:
    """Set a new password; every other device is logged out."""
    await services.change_password(
        db, tasks, passwords, logins, user.id, change.current_password, change.new_password, user.session_id
    )
