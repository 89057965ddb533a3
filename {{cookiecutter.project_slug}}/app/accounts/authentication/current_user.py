"""The user who sends a request."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi.requests import HTTPConnection
from sqlalchemy import RowMapping, Select, bindparam, func, literal_column, null, select

from app.accounts.authentication import sessions
from app.accounts.fields import OWN_FIELDS, UserFields
from app.accounts.models import Group, Permission, Session, User, group_permissions, user_groups
from app.core.db import Database, declared_permissions


@dataclass(frozen=True, slots=True)
class AuthenticatedUser(UserFields):
    """The caller, also with the `UserFields`, read with one query. To change the user, load a `User` through `Db`."""

    id: UUID
    username: str
    email: str
    email_verified: bool
    full_name: str
    disabled: bool
    is_staff: bool
    is_superuser: bool
    date_joined: datetime
    last_login: datetime | None
    groups: tuple[str, ...]
    permissions: frozenset[str]
    """The permissions of the user's groups. A superuser has all permissions."""
    session_id: UUID | None
    """None if the request belongs to no session, for example with an API key."""

    def may(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions


FIELDS = tuple(field.name for field in fields(AuthenticatedUser))
SEPARATOR = "\n"  # no name of a group or a permission contains it
# A literal: SQLAlchemy would render a bound value again for each request.
_separator: Any = literal_column(f"'{SEPARATOR}'")

_groups = (
    select(func.aggregate_strings(Group.name, _separator))
    .join(user_groups, user_groups.c.group_id == Group.id)
    .where(user_groups.c.user_id == User.id)
    .scalar_subquery()
)
_permissions = (
    select(func.aggregate_strings(Permission.name, _separator))
    .join(group_permissions, group_permissions.c.permission_id == Permission.id)
    .join(user_groups, user_groups.c.group_id == group_permissions.c.group_id)
    .where(user_groups.c.user_id == User.id)
    .scalar_subquery()
)

# Made once: building a statement costs more than running it. Each field of AuthenticatedUser has a column of this name.
# The type is loose, since SQLAlchemy's own types end at ten columns.
_user: Select[*tuple[Any, ...]] = select(
    User.id,
    User.username,
    User.email,
    User.email_verified,
    User.full_name,
    User.disabled,
    User.is_staff,
    User.is_superuser,
    User.date_joined,
    User.last_login,
    *(getattr(User, name) for name in OWN_FIELDS),
    _groups.label("groups"),
    _permissions.label("permissions"),
).where(User.disabled.is_(False))
_user_of_session = (
    _user.add_columns(Session.id.label("session_id"))
    .join(Session, Session.user_id == User.id)
    .where(Session.id == bindparam("session_id"), Session.ended_at.is_(None), Session.expires_at > bindparam("now"))
)
_enabled_user = _user.add_columns(null().label("session_id")).where(User.id == bindparam("user_id"))
current_user_query = _user_of_session.where(User.id == bindparam("user_id"))
staff_user_query = _user_of_session.add_columns(Session.last_used_at).where(User.is_staff, sessions.is_in_browser())


async def find_caller(
    connection: HTTPConnection, user_id: UUID, session_id: UUID | None = None
) -> AuthenticatedUser | None:
    """Return the user if they are enabled. With a session id, the session must be live too."""
    database: Database = connection.app.state.database
    values = {"user_id": user_id, "session_id": session_id, "now": datetime.now(UTC)}
    query = _enabled_user if session_id is None else current_user_query
    row = await database.fetch_one(query, values)
    return _read(row) if row else None


async def find_staff(database: Database, session_id: UUID, now: datetime) -> tuple[AuthenticatedUser, datetime] | None:
    """Return the user of a browser session, and the time of its last use."""
    row = await database.fetch_one(staff_user_query, {"session_id": session_id, "now": now})
    return (_read(row), row["last_used_at"]) if row else None


def _read(row: RowMapping) -> AuthenticatedUser:
    values = {name: row[name] for name in FIELDS}
    permissions = declared_permissions() if row["is_superuser"] else frozenset(_split(row["permissions"]))
    user = AuthenticatedUser(**values | {"groups": _split(row["groups"]), "permissions": permissions})
    for name in OWN_FIELDS:
        object.__setattr__(user, name, row[name])  # as the `__init__` of a frozen dataclass does
    return user


def _split(names: str | None) -> tuple[str, ...]:
    return tuple(names.split(SEPARATOR)) if names else ()
