from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, status

from app.accounts import administration
from app.accounts.auth import AuthenticatedUser, requires
from app.accounts.schemas import GroupCreate, GroupRead, GroupUpdate
from app.core.database import Db
from app.core.openapi import raises
from app.core.pagination import Page, PageQuery

router = APIRouter(tags=["groups"])


@router.get("/groups", dependencies=[requires("accounts.view_group")])
async def list_groups(paging: PageQuery, db: Db) -> Page[GroupRead]:
    return Page[GroupRead].of(*await administration.list_groups(db, paging), paging)


@router.post("/groups", status_code=status.HTTP_201_CREATED)
@raises(409)
async def create_group(
    new: GroupCreate, actor: Annotated[AuthenticatedUser, requires("accounts.add_group")], db: Db
) -> GroupRead:
    """Make a group; nobody gives it a permission that he does not hold himself."""
    return GroupRead.model_validate(await administration.create_group(db, actor, new))


@router.get("/groups/{group_id}", dependencies=[requires("accounts.view_group")])
@raises(404)
async def read_group(group_id: UUID, db: Db) -> GroupRead:
    return GroupRead.model_validate(await administration.get_group(db, group_id))


@router.patch("/groups/{group_id}")
@raises(404, 409)
async def update_group(
    group_id: UUID,
    changes: GroupUpdate,
    actor: Annotated[AuthenticatedUser, requires("accounts.change_group")],
    db: Db,
) -> GroupRead:
    return GroupRead.model_validate(await administration.update_group(db, actor, group_id, changes))


@router.delete(
    "/groups/{group_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[requires("accounts.delete_group")],
)
@raises(404)
async def delete_group(group_id: UUID, db: Db) -> None:
    """Its users lose what it gave them."""
    await administration.delete_group(db, group_id)


@router.get("/permissions", dependencies=[requires("accounts.view_permission")])
async def list_permissions(paging: PageQuery, db: Db) -> Page[str]:
    """List the names of all that can be granted."""
    return Page[str].of(*await administration.list_permissions(db, paging), paging)
