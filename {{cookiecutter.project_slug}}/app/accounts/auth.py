"""Who is asking: what routes of any app use to ask it.

@router.get("/cheap")
async def cheap(token: AccessToken): ...        # the token's word, without the database

@router.get("/exact")
async def exact(user: CurrentUser): ...         # as the database has it now

@router.get("/posts", dependencies=[requires("blog.view_post")])
async def read_posts(): ...                     # who has the permission; for all others it is 403
"""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.base import SecurityBase
from sqlalchemy import Select, bindparam, func, literal_column, select

from app.accounts import services, sessions
from app.accounts.models import Group, Permission, Session, User, group_permissions, user_groups
from app.accounts.schemas import TokenData
from app.accounts.services import InvalidCredentials
from app.accounts.sessions import Device
from app.accounts.throttling import login_throttle
from app.accounts.tokens import InvalidToken
from app.core.audit import Actor, acting
from app.core.database import Database
from app.core.openapi import raises
from app.core.permissions import declared_permissions

__all__ = [
    "AccessToken",
    "AuthenticatedUser",
    "CurrentUser",
    "InvalidCredentials",
    "JWTBearer",
    "User",
    "end_staff_session",
    "get_current_user",
    "get_staff_user",
    "oauth2_scheme",
    "requires",
    "start_staff_session",
]

STAFF_SESSION = timedelta(hours=12)  # unused: it lasts through a working day, and not through the night
TOUCHED_AFTER = timedelta(minutes=5)  # so often at most it is written down that a session is used

# Reads the header; JWTBearer decides, so that every refusal is a 401.
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token", refreshUrl="token", auto_error=False)


def not_authenticated() -> HTTPException:
    """RFC 6750, 3.1: where no token was sent, no error code is due."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def invalid_token() -> HTTPException:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "The access token is invalid or has expired", headers)


class Bearer(SecurityBase):
    """In the OpenAPI document it is `oauth2_scheme`.

    What is based on it asks for the rest by itself: each dependency that FastAPI solves costs a request some 20 µs.
    """

    model = oauth2_scheme.model
    scheme_name = oauth2_scheme.scheme_name


@raises(401)
class JWTBearer(Bearer):
    """A dependency that lets only valid access tokens pass and hands out their claims. It asks no database."""

    admits = "a valid access token"

    async def __call__(self, request: Request) -> TokenData:
        token = await oauth2_scheme(request)
        if not token:
            raise not_authenticated()
        try:
            data: TokenData = request.app.state.token_verifier.verify(token, datetime.now(UTC))
        except InvalidToken:
            raise invalid_token() from None
        acting.set(Actor(data.sub, ""))
        return data


get_token = JWTBearer()
AccessToken = Annotated[TokenData, Depends(get_token)]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The caller, read in one query when the request came in; to change the user, load `User` through `Db`."""

    session_id: UUID
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
    """All that the groups have; of a superuser, all there are."""

    def may(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions


COLUMNS = len(fields(AuthenticatedUser))  # of a query; what else it asks for comes behind them
SEPARATOR = "\n"  # in no name of a group or a permission
# As a value, it would be written into the SQL anew for each request.
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

# Made once: to build a statement costs more than to run it. The order is that of AuthenticatedUser's fields; typed
# loosely, since SQLAlchemy's own types end at ten columns.
_user_of_session: Select[*tuple[Any, ...]] = (
    select(
        Session.id,
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
        _groups,
        _permissions,
    )
    .join(User, User.id == Session.user_id)
    .where(
        Session.id == bindparam("session_id"),
        Session.ended_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.disabled.is_(False),
    )
)
_current_user = _user_of_session.where(User.id == bindparam("user_id"))
_staff_user = _user_of_session.add_columns(Session.last_used_at).where(User.is_staff, sessions.is_in_browser())


@raises(401, 503)
class GetCurrentUser(Bearer):
    """A dependency that lets only those pass whose session lasts, and who are not disabled."""

    admits = "a user who is logged in"

    async def __call__(self, request: Request) -> AuthenticatedUser:
        token = await get_token(request)
        database: Database = request.app.state.database
        values = {"session_id": token.sid, "user_id": token.sub, "now": datetime.now(UTC)}
        row = await database.fetch_one(_current_user, values)
        if row is None:
            raise invalid_token()
        return _acting(row)


def _acting(row: tuple[Any, ...]) -> AuthenticatedUser:
    """Whatever the request changes from here on, it is this user who does it."""
    *columns, groups, permissions = row[:COLUMNS]
    values: list[Any] = [*columns, _split(groups), frozenset(_split(permissions))]
    user = AuthenticatedUser(*values)
    acting.set(Actor(user.id, user.username))
    return replace(user, permissions=declared_permissions()) if user.is_superuser else user


def _split(names: str | None) -> tuple[str, ...]:
    return tuple(names.split(SEPARATOR)) if names else ()


get_current_user = GetCurrentUser()
CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]


@raises(401, 503)
async def get_optional_user(
    request: Request, token: Annotated[str | None, Depends(oauth2_scheme)]
) -> AuthenticatedUser | None:
    """For routes that are open to everybody, and more open to some. A token that is not valid is still a 401."""
    return await get_current_user(request) if token else None


OptionalUser = Annotated[AuthenticatedUser | None, Depends(get_optional_user)]


@raises(403)
class PermissionRequired:
    """A dependency that lets only those pass who have the permission, and hands out the caller."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        self.admits = permission

    async def __call__(self, user: CurrentUser) -> AuthenticatedUser:
        if not user.may(self.permission):
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"You lack the permission {self.permission}")
        return user


def requires(permission: str) -> Any:
    """Ask for a permission such as `blog.view_post`: among a route's `dependencies`, or in its place of `CurrentUser`:
    `user: Annotated[AuthenticatedUser, requires("blog.view_post")]`.
    """
    return Depends(PermissionRequired(permission))


async def start_staff_session(request: Request, name: str, password: str) -> UUID:
    """Log in staff with a browser; the cookie that names the session must be signed.

    Raises InvalidCredentials, also where it is no staff that logs in, or Throttled.
    """
    state, database = request.app.state, request.app.state.database
    throttle, device, now = login_throttle(request), Device.of(request), datetime.now(UTC)
    async with database.session() as db:
        return await services.log_in_staff(db, state.passwords, throttle, name, password, device, now, STAFF_SESSION)


async def get_staff_user(request: Request, session_id: UUID) -> AuthenticatedUser | None:
    """Return whose session it is, as long as it lasts and they are staff. To ask puts its end off."""
    database: Database = request.app.state.database
    now = datetime.now(UTC)
    row = await database.fetch_one(_staff_user, {"session_id": session_id, "now": now})
    if row is None:
        return None
    if now - row[COLUMNS] > TOUCHED_AFTER:
        async with database.session() as db:
            await sessions.keep_alive(db, session_id, now, STAFF_SESSION)
            await db.commit()
    return _acting(row)


async def end_staff_session(request: Request, user: AuthenticatedUser) -> None:
    database: Database = request.app.state.database
    async with database.session() as db:
        await sessions.end(db, user.session_id, user.id, datetime.now(UTC))
        await db.commit()
