"""Administration of the accounts of others.

Users can grant only the rights that they have. Only a superuser can change a superuser.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import selectinload

from app.accounts.authentication import sessions
from app.accounts.authentication.passwords.validators import Names
from app.accounts.errors import NotAllowed, NotFound, Unknown
from app.accounts.models import Group, Session, User
from app.accounts.permissions.granting import Actor, may_grant
from app.accounts.tasks import tell_of_new_password
from app.accounts.users.lookup import Lookup
from app.accounts.users.own_fields import own_values
from app.accounts.users.schemas import UserUpdate
from app.accounts.users.superusers import a_superuser_stays


class Administration(Lookup):
    async def update_user(
        self, actor: Actor, user_id: UUID, changes: UserUpdate, new_password: str | None = None
    ) -> User:
        """Make all changes or none. If the user is disabled or gets a new password, all their sessions end. A mail
        tells them about a new password. A user who is no longer staff is logged out of the admin site.

        Raises NotFound, NotAllowed, Unknown, LastSuperuser or InvalidPassword.
        """
        new_hash = await self._hash_for(user_id, new_password) if new_password else None
        user = await self.get_user(user_id)
        _may_change(actor, user)
        _may_grant_flags(actor, user, changes)
        if user.disabled and changes.disabled is False:
            _may_give_access(actor, user, "enable")
        if new_hash is not None:
            _may_give_access(actor, user, "set the password of")
            user.hashed_password = new_hash
        if changes.groups is not None:
            await self._set_groups(actor, user, changes.groups)
        async with a_superuser_stays(self.db, user):
            values = changes.model_dump(exclude_none=True, exclude={"groups"}) | own_values("admin", changes)
            for name, value in values.items():
                setattr(user, name, value)
        if user.disabled or new_hash is not None:
            await sessions.end_all(self.db, user.id, self.now())
        elif changes.is_staff is False:
            await sessions.end_in_browsers(self.db, user.id, self.now())
        if new_hash is not None:
            await self.tasks.send(tell_of_new_password, user.email, user.username)
        await self.db.commit()
        return user

    async def delete_user(self, actor: Actor, user_id: UUID) -> None:
        """Raises NotFound, NotAllowed or LastSuperuser."""
        user = await self.get_user(user_id)
        _may_change(actor, user)
        async with a_superuser_stays(self.db, user):
            await self.db.execute(delete(User).where(User.id == user.id))
        await self.db.commit()

    async def end_session_of_another(self, actor: Actor, session_id: UUID) -> None:
        """Log out a device of another user. Raises NotFound or NotAllowed."""
        owner = select(User).join(Session, Session.user_id == User.id).where(Session.id == session_id)
        user = await self.db.scalar(owner)
        if user is None:
            raise NotFound("This session does not exist")
        _may_change(actor, user)
        await sessions.end(self.db, session_id, user.id, self.now())
        await self.db.commit()

    async def _hash_for(self, user_id: UUID, new_password: str) -> str:
        user = await self.get_user(user_id)
        await self.db.commit()  # gives the connection back, so others can use it during the hash
        return await self.passwords.hash_new(new_password, Names(user.username, user.email, user.full_name))

    async def _set_groups(self, actor: Actor, user: User, ids: Collection[UUID]) -> None:
        query = select(Group).where(Group.id.in_(ids)).options(selectinload(Group.permissions))
        groups = list(await self.db.scalars(query))
        if missing := set(ids) - {group.id for group in groups}:
            raise Unknown("groups", missing)
        for group in set(groups) - set(user.groups):
            may_grant(actor, {permission.name for permission in group.permissions})
        user.groups = groups


def _may_change(actor: Actor, user: User) -> None:
    if user.is_superuser and not actor.is_superuser:
        raise NotAllowed("Only a superuser can change a superuser")


def _may_give_access(actor: Actor, user: User, action: str) -> None:
    """Setting the password of a user, or enabling the user, gives somebody all rights of this user. So the actor must
    have these rights, too.
    """
    may_grant(actor, user.permissions)
    if user.is_staff and not _is_staff(actor):
        raise NotAllowed(f"Only staff can {action} staff")


def _may_grant_flags(actor: Actor, user: User, changes: UserUpdate) -> None:
    if changes.is_superuser and not actor.is_superuser:
        raise NotAllowed("Only a superuser can make a superuser")
    if changes.is_staff and not user.is_staff and not _is_staff(actor):
        raise NotAllowed("Only staff can make a user staff")


def _is_staff(actor: Actor) -> bool:
    return actor.is_staff or actor.is_superuser
