"""What one user does to others, and to groups.

Nobody grants a right that he does not hold himself, and only a superuser changes a superuser. All functions commit.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts import sessions
from app.accounts.hashing import Passwords
from app.accounts.models import Group, Permission, Session, User
from app.accounts.schemas import GroupCreate, GroupUpdate, UserRegister, UserUpdate
from app.accounts.services import NotFound, Taken, a_superuser_stays, create_user, get_user
from app.accounts.tasks import send_invitation, tell_of_new_password
from app.accounts.validators import Names
from app.core.pagination import Paging, paginate
from app.core.tasks import TaskQueue


class Actor(Protocol):
    """Who does it: an AuthenticatedUser, or a User whose groups are loaded."""

    @property
    def is_staff(self) -> bool: ...
    @property
    def is_superuser(self) -> bool: ...
    @property
    def permissions(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Operator:
    """Who runs commands has the database itself, and so every right."""

    is_staff: bool = True
    is_superuser: bool = True
    permissions: frozenset[str] = frozenset()


class NotAllowed(Exception):
    """Its text says what the actor may not do."""


class Unknown(Exception):
    """Groups or permissions that are not there: its text names them, its `field` says which of both they are."""

    def __init__(self, field: str, names: Iterable[object]) -> None:
        super().__init__(", ".join(sorted(map(str, names))))
        self.field = field


async def invite_user(db: AsyncSession, tasks: TaskQueue, passwords: Passwords, new: UserRegister) -> User:
    """Add somebody, who is mailed a link to set a password. Raises InvalidPassword, or Taken."""
    user = await create_user(db, passwords, new, new.password)
    await tasks.send(send_invitation, str(user.id))
    return user


async def update_user(
    db: AsyncSession, actor: Actor, user_id: UUID, changes: UserUpdate, new_hash: str | None = None
) -> User:
    """Disabling ends all sessions, and so does a new password; who is no longer staff is out of the admin site.

    Raises NotFound, NotAllowed, Unknown, or LastSuperuser.
    """
    user = await get_user(db, user_id)
    _may_change(actor, user)
    _may_grant_flags(actor, user, changes)
    if new_hash is not None:
        _may_take_over(actor, user)
        user.hashed_password = new_hash
    if changes.groups is not None:
        await _set_groups(db, actor, user, changes.groups)
    async with a_superuser_stays(db, user):
        for name, value in changes.model_dump(exclude_none=True, exclude={"groups"}).items():
            setattr(user, name, value)
    if user.disabled or new_hash is not None:
        await sessions.end_all(db, user.id, datetime.now(UTC))
    elif changes.is_staff is False:
        await sessions.end_in_browsers(db, user.id, datetime.now(UTC))
    await db.commit()
    return user


async def set_password(
    db: AsyncSession,
    tasks: TaskQueue,
    passwords: Passwords,
    actor: Actor,
    user_id: UUID,
    password: str,
    changes: UserUpdate,
) -> User:
    """All of this or nothing; the user is told by mail. Raises as `update_user` does, or InvalidPassword."""
    user = await get_user(db, user_id)
    await db.commit()  # gives the connection back, as in `services.authenticate`
    new_hash = await passwords.hash_new(password, Names(user.username, user.email, user.full_name))
    user = await update_user(db, actor, user_id, changes, new_hash)
    await tasks.send(tell_of_new_password, user.email, user.username)
    return user


async def delete_user(db: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Raises NotFound, NotAllowed, or LastSuperuser."""
    user = await get_user(db, user_id)
    _may_change(actor, user)
    async with a_superuser_stays(db, user):
        await db.execute(delete(User).where(User.id == user.id))
    await db.commit()


async def end_session(db: AsyncSession, actor: Actor, session_id: UUID) -> None:
    """Log a device out. Raises NotFound, or NotAllowed."""
    user = await db.scalar(select(User).join(Session, Session.user_id == User.id).where(Session.id == session_id))
    if user is None:
        raise NotFound("There is no such session")
    _may_change(actor, user)
    await sessions.end(db, session_id, user.id, datetime.now(UTC))
    await db.commit()


def _may_change(actor: Actor, user: User) -> None:
    if user.is_superuser and not actor.is_superuser:
        raise NotAllowed("Only a superuser changes a superuser")


def _may_take_over(actor: Actor, user: User) -> None:
    """Who sets a password can then do all that its user can."""
    _may_grant(actor, user.permissions)
    if user.is_staff and not (actor.is_staff or actor.is_superuser):
        raise NotAllowed("Only staff sets the password of staff")


def _may_grant_flags(actor: Actor, user: User, changes: UserUpdate) -> None:
    if changes.is_superuser and not actor.is_superuser:
        raise NotAllowed("Only a superuser makes a superuser")
    if changes.is_staff and not user.is_staff and not (actor.is_staff or actor.is_superuser):
        raise NotAllowed("Only staff makes staff")


def _may_grant(actor: Actor, permissions: Collection[str]) -> None:
    if not actor.is_superuser and (lacking := set(permissions) - actor.permissions):
        raise NotAllowed(f"You do not hold yourself: {', '.join(sorted(lacking))}")


async def _set_groups(db: AsyncSession, actor: Actor, user: User, ids: Collection[UUID]) -> None:
    groups = list(await db.scalars(select(Group).where(Group.id.in_(ids)).options(selectinload(Group.permissions))))
    if missing := set(ids) - {group.id for group in groups}:
        raise Unknown("groups", missing)
    for group in set(groups) - set(user.groups):
        _may_grant(actor, {permission.name for permission in group.permissions})
    user.groups = groups


async def list_groups(db: AsyncSession, paging: Paging) -> tuple[Sequence[Group], int]:
    """Return a page of them by name, and the count, as `app.core.pagination.paginate` does."""
    query = select(Group).options(selectinload(Group.permissions)).order_by(Group.name)
    return await paginate(db, query, paging)


async def get_group(db: AsyncSession, group_id: UUID) -> Group:
    """Raises NotFound."""
    query = select(Group).where(Group.id == group_id).options(selectinload(Group.permissions))
    group = await db.scalar(query)
    if group is None:
        raise NotFound("There is no such group")
    return group


async def find_groups(db: AsyncSession, names: Collection[str]) -> Sequence[Group]:
    """Raises Unknown."""
    query = select(Group).where(Group.name.in_(names)).options(selectinload(Group.permissions))
    groups = (await db.scalars(query)).all()
    if missing := set(names) - {group.name for group in groups}:
        raise Unknown("groups", missing)
    return groups


async def create_group(db: AsyncSession, actor: Actor, new: GroupCreate) -> Group:
    """Raises NotAllowed, Unknown, or Taken."""
    _may_grant(actor, new.permissions)
    group = Group(name=new.name, permissions=await _find_permissions(db, new.permissions))
    db.add(group)
    await _commit_group(db, group)
    return group


async def update_group(db: AsyncSession, actor: Actor, group_id: UUID, changes: GroupUpdate) -> Group:
    """Raises NotFound, NotAllowed, Unknown, or Taken."""
    group = await get_group(db, group_id)
    if changes.permissions is not None:
        _may_grant(actor, changes.permissions - {permission.name for permission in group.permissions})
        group.permissions = await _find_permissions(db, changes.permissions)
    group.name = changes.name or group.name
    await _commit_group(db, group)
    return group


async def delete_group(db: AsyncSession, group_id: UUID) -> None:
    """Raises NotFound."""
    group = await get_group(db, group_id)
    await db.execute(delete(Group).where(Group.id == group.id))
    await db.commit()


async def _find_permissions(db: AsyncSession, names: Collection[str]) -> list[Permission]:
    found = list(await db.scalars(select(Permission).where(Permission.name.in_(names)).order_by(Permission.name)))
    if missing := set(names) - {permission.name for permission in found}:
        raise Unknown("permissions", missing)
    return found


async def _commit_group(db: AsyncSession, group: Group) -> None:
    group_id, name = group.id, group.name
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
        if await db.scalar(select(Group.id).where(Group.name == name, Group.id != group_id)) is None:
            raise  # somebody else has changed it, or a permission, at the same time
        raise Taken("name") from None


async def list_permissions(db: AsyncSession, paging: Paging) -> tuple[Sequence[str], int]:
    """Return a page of their names, and the count, as `app.core.pagination.paginate` does."""
    return await paginate(db, select(Permission.name).order_by(Permission.name), paging)
