"""Who is asking: what routes of any app use to ask it.

@router.get("/cheap")
async def cheap(token: AccessToken): ...        # the token's word, without the database

@router.get("/exact")
async def exact(user: CurrentUser): ...         # as the database has it now
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.base import SecurityBase
from sqlalchemy import Select, bindparam, select

from app.accounts.models import Session, User
from app.accounts.schemas import TokenData
from app.accounts.tokens import InvalidToken
from app.core.database import Database

__all__ = ["AccessToken", "AuthenticatedUser", "CurrentUser", "JWTBearer", "User", "get_current_user", "oauth2_scheme"]

# Reads the header; JWTBearer decides, so that every refusal is a 401.
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)


def not_authenticated() -> HTTPException:
    """RFC 6750, 3.1: where no token was sent, no error code is due."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def invalid_token() -> HTTPException:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "The access token is invalid or has expired", headers)


class JWTBearer(SecurityBase):
    """A dependency that lets only valid access tokens pass and hands out their claims. It asks no database.

    In the OpenAPI document it is `oauth2_scheme`, which it calls itself: each dependency that FastAPI has to solve
    costs every request some 10 µs.
    """

    model = oauth2_scheme.model
    scheme_name = oauth2_scheme.scheme_name

    async def __call__(self, request: Request) -> TokenData:
        token = await oauth2_scheme(request)
        if not token:
            raise not_authenticated()
        try:
            data: TokenData = request.app.state.token_verifier.verify(token, datetime.now(UTC))
        except InvalidToken:
            raise invalid_token() from None
        return data


AccessToken = Annotated[TokenData, Depends(JWTBearer())]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The caller, read in one query when the request came in; to change the user, load `User` through `Db`."""

    session_id: UUID
    id: UUID
    username: str
    email: str
    full_name: str
    disabled: bool
    is_staff: bool
    is_superuser: bool
    date_joined: datetime
    last_login: datetime | None


# Made once: to build a statement costs more than to run it. The order is that of AuthenticatedUser's fields; typed
# loosely, since SQLAlchemy's own types end at ten columns.
_current_user: Select[*tuple[Any, ...]] = (
    select(
        Session.id,
        User.id,
        User.username,
        User.email,
        User.full_name,
        User.disabled,
        User.is_staff,
        User.is_superuser,
        User.date_joined,
        User.last_login,
    )
    .join(User, User.id == Session.user_id)
    .where(
        Session.id == bindparam("session_id"),
        Session.ended_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.id == bindparam("user_id"),
        User.disabled.is_(False),
    )
)


async def get_current_user(request: Request, token: AccessToken) -> AuthenticatedUser:
    database: Database = request.app.state.database
    values = {"session_id": token.sid, "user_id": token.sub, "now": datetime.now(UTC)}
    row = await database.fetch_one(_current_user, values)
    if row is None:
        raise invalid_token()
    return AuthenticatedUser(*row)


CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]
