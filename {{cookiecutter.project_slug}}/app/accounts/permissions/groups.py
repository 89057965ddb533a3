from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from app.accounts.authentication.context import Context
from app.accounts.errors import NotFound, Taken, Unknown
from app.accounts.models import Group, Permission
from app.accounts.permissions.granting import Actor, may_grant
from app.accounts.permissions.schemas import GroupCreate, GroupUpdate
from app.core.db import Paging, paginate

_groups = select(Group).options(selectinload(Group.permissions))


class Groups(Context):
    async def list_groups(self, paging: Paging) -> tuple[Sequence[Group], int]:
        """Return a page of groups by name, and the count, as `app.core.db.paginate` does."""
        return await paginate(self.db, _groups.order_by(Group.name), paging)

    async def get_group(self, group_id: UUID) -> Group:
        """Raises NotFound."""
        group = await self.db.scalar(_groups.where(Group.id == group_id))
        if group is None:
            raise NotFound("This group does not exist")
        return group

    async def find_groups(self, names: Collection[str]) -> Sequence[Group]:
        """Raises Unknown."""
        groups = (await self.db.scalars(_groups.where(Group.name.in_(names)))).all()
        if missing := set(names) - {group.name for group in groups}:
            raise Unknown("groups", missing)
        return groups

    async def create_group(self, actor: Actor, new: GroupCreate) -> Group:
        """Raises NotAllowed, Unknown or Taken."""
        may_grant(actor, new.permissions)
        group = Group(name=new.name, permissions=await self._find_permissions(new.permissions))
        self.db.add(group)
        await self._commit_group(group)
        return group

    async def update_group(self, actor: Actor, group_id: UUID, changes: GroupUpdate) -> Group:
        """Raises NotFound, NotAllowed, Unknown or Taken."""
        group = await self.get_group(group_id)
        if changes.permissions is not None:
            may_grant(actor, changes.permissions - {permission.name for permission in group.permissions})
            group.permissions = await self._find_permissions(changes.permissions)
        group.name = changes.name or group.name
        await self._commit_group(group)
        return group

    async def delete_group(self, group_id: UUID) -> None:
        """The members lose the group's permissions. Raises NotFound."""
        group = await self.get_group(group_id)
        await self.db.execute(delete(Group).where(Group.id == group.id))
        await self.db.commit()

    async def list_permissions(self, paging: Paging) -> tuple[Sequence[str], int]:
        """Return a page of names, and the count, as `app.core.db.paginate` does."""
        return await paginate(self.db, select(Permission.name).order_by(Permission.name), paging)

    async def _find_permissions(self, names: Collection[str]) -> list[Permission]:
        query = select(Permission).where(Permission.name.in_(names)).order_by(Permission.name)
        found = list(await self.db.scalars(query))
        if missing := set(names) - {permission.name for permission in found}:
            raise Unknown("permissions", missing)
        return found

    async def _commit_group(self, group: Group) -> None:
        group_id, name = group.id, group.name
        try:
            await self.db.commit()
        except IntegrityError:
            await self.db.rollback()
            if await self.db.scalar(select(Group.id).where(Group.name == name, Group.id != group_id)) is None:
                raise  # another request changed the group or a permission at the same time
            raise Taken("name", by="group") from None
