from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, status

from app.accounts.authentication.current_user import AuthenticatedUser
from app.accounts.permissions.required import requires
from app.accounts.permissions.schemas import GroupCreate, GroupRead, GroupUpdate
from app.accounts.use_cases import Accounts
from app.core.db import Page, PageQuery
from app.core.web import raises

router = APIRouter(tags=["groups"])

AddsGroups = Annotated[AuthenticatedUser, requires("accounts.add_group")]
ChangesGroups = Annotated[AuthenticatedUser, requires("accounts.change_group")]


@router.get("/groups", dependencies=[requires("accounts.view_group")])
async def list_groups(paging: PageQuery, accounts: Accounts) -> Page[GroupRead]:
    return Page[GroupRead].of(*await accounts.list_groups(paging), paging)


@router.post("/groups", status_code=status.HTTP_201_CREATED)
@raises(409)
async def create_group(new: GroupCreate, actor: AddsGroups, accounts: Accounts) -> GroupRead:
    """Make a group. You can give it only permissions that you have."""
    return GroupRead.model_validate(await accounts.create_group(actor, new))


@router.get("/groups/{group_id}", dependencies=[requires("accounts.view_group")])
@raises(404)
async def read_group(group_id: UUID, accounts: Accounts) -> GroupRead:
    return GroupRead.model_validate(await accounts.get_group(group_id))


@router.patch("/groups/{group_id}")
@raises(404, 409)
async def update_group(group_id: UUID, changes: GroupUpdate, actor: ChangesGroups, accounts: Accounts) -> GroupRead:
    return GroupRead.model_validate(await accounts.update_group(actor, group_id, changes))


@router.delete(
    "/groups/{group_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[requires("accounts.delete_group")],
)
@raises(404)
async def delete_group(group_id: UUID, accounts: Accounts) -> None:
    """Delete a group. Its members lose its permissions."""
    await accounts.delete_group(group_id)


@router.get("/permissions", dependencies=[requires("accounts.view_permission")])
async def list_permissions(paging: PageQuery, accounts: Accounts) -> Page[str]:
    """List the names of all permissions."""
    return Page[str].of(*await accounts.list_permissions(paging), paging)
