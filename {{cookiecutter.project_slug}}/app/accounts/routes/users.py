from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.accounts.authentication.backends import OptionalUser
from app.accounts.authentication.current_user import AuthenticatedUser
from app.accounts.permissions.required import requires
from app.accounts.use_cases import Accounts
from app.accounts.users.schemas import UserQuery, UserRead, UserRegister, UserUpdate
from app.core.db import Page
from app.core.web import raises

router = APIRouter(prefix="/users", tags=["users"])

ChangesUsers = Annotated[AuthenticatedUser, requires("accounts.change_user")]
DeletesUsers = Annotated[AuthenticatedUser, requires("accounts.delete_user")]


@router.get("", dependencies=[requires("accounts.view_user")])
async def list_users(query: Annotated[UserQuery, Query()], accounts: Accounts) -> Page[UserRead]:
    return Page[UserRead].of(*await accounts.list_users(query), query)


@router.post("", status_code=status.HTTP_201_CREATED)
@raises(403, 409, 429)
async def create_user(new: UserRegister, caller: OptionalUser, accounts: Accounts) -> UserRead:
    """Make an account. If you register yourself, you get a mail with a link to confirm your address. With the
    permission `accounts.add_user`, you add another person, who gets a mail with a link to set a password.
    """
    return UserRead.model_validate(await accounts.create_user(caller, new))


@router.get("/{user_id}", dependencies=[requires("accounts.view_user")])
@raises(404)
async def read_user(user_id: UUID, accounts: Accounts) -> UserRead:
    return UserRead.model_validate(await accounts.get_user(user_id))


@router.patch("/{user_id}")
@raises(404, 409)
async def update_user(user_id: UUID, changes: UserUpdate, actor: ChangesUsers, accounts: Accounts) -> UserRead:
    """Change a user. You can grant only rights that you have. Disabling a user logs them out everywhere."""
    return UserRead.model_validate(await accounts.update_user(actor, user_id, changes))


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
@raises(404, 409)
async def delete_user(user_id: UUID, actor: DeletesUsers, accounts: Accounts) -> None:
    await accounts.delete_user(actor, user_id)
