from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from app.accounts import administration, listing
from app.accounts.auth import AuthenticatedUser, requires
from app.accounts.schemas import UserQuery, UserRead, UserUpdate
from app.core.database import Db
from app.core.openapi import raises
from app.core.pagination import Page

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", dependencies=[requires("accounts.view_user")])
async def list_users(query: Annotated[UserQuery, Query()], db: Db) -> Page[UserRead]:
    users, count = await listing.list_users(db, query)
    return Page[UserRead].of(users, count, query)


@router.get("/{user_id}", dependencies=[requires("accounts.view_user")])
@raises(404)
async def read_user(user_id: UUID, db: Db) -> UserRead:
    return UserRead.model_validate(await administration.get_user(db, user_id))


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
