from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.accounts import administration, listing, services
from app.accounts.administration import NotAllowed
from app.accounts.auth import AuthenticatedUser, OptionalUser, requires
from app.accounts.dependencies import CurrentSettings, Mails, PasswordRules
from app.accounts.schemas import UserQuery, UserRead, UserRegister, UserUpdate
from app.core.database import Db
from app.core.openapi import raises
from app.core.pagination import Page
from app.core.tasks import Tasks

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", dependencies=[requires("accounts.view_user")])
async def list_users(query: Annotated[UserQuery, Query()], db: Db) -> Page[UserRead]:
    users, count = await listing.list_users(db, query)
    return Page[UserRead].of(users, count, query)


@router.post("", status_code=status.HTTP_201_CREATED)
@raises(403, 409)
async def create_user(
    new: UserRegister,
    caller: OptionalUser,
    settings: CurrentSettings,
    db: Db,
    mails: Mails,
    tasks: Tasks,
    passwords: PasswordRules,
) -> UserRead:
    """Make an account: one's own, whose address a mail confirms; or, with the permission `accounts.add_user`, somebody
    else's, who is mailed a link to set a password.
    """
    if caller is not None and caller.may("accounts.add_user"):
        return UserRead.model_validate(await administration.invite_user(db, tasks, passwords, new))
    if not settings.registration_open:
        raise NotAllowed("Registration is closed")
    return UserRead.model_validate(await services.register(db, tasks, passwords, mails, new))


@router.get("/{user_id}", dependencies=[requires("accounts.view_user")])
@raises(404)
async def read_user(user_id: UUID, db: Db) -> UserRead:
    return UserRead.model_validate(await services.get_user(db, user_id))


@router.patch("/{user_id}")
@raises(404, 409)
async def update_user(
    user_id: UUID,
    changes: UserUpdate,
    actor: Annotated[AuthenticatedUser, requires("accounts.change_user")],
    db: Db,
) -> UserRead:
    """Nobody grants a right that he does not hold himself; a user who is disabled is logged out everywhere."""
    return UserRead.model_validate(await administration.update_user(db, actor, user_id, changes))


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
@raises(404, 409)
async def delete_user(
    user_id: UUID, actor: Annotated[AuthenticatedUser, requires("accounts.delete_user")], db: Db
) -> None:
    await administration.delete_user(db, actor, user_id)
