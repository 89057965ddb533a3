"""Who is asking: what routes of any app use to ask it.

@router.get("/cheap")
async def cheap(token: AccessToken): ...        # the token's word, without the database

@router.get("/exact")
async def exact(user: CurrentUser): ...         # as the database has it now
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select

from app.accounts.models import User
from app.accounts.schemas import TokenData
from app.accounts.tokens import InvalidToken, verify_token
from app.core.database import Database, get_database

__all__ = ["AccessToken", "AuthenticatedUser", "CurrentUser", "JWTBearer", "User", "get_current_user", "oauth2_scheme"]

# Reads the header and describes it in the OpenAPI document; JWTBearer decides, so that every refusal is a 401.
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)


def not_authenticated() -> HTTPException:
    """RFC 6750, 3.1: where no token was sent, no error code is due."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def invalid_token() -> HTTPException:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "The access token is invalid or has expired", headers)


class JWTBearer:
    """A dependency that lets only valid access tokens pass and hands out their claims. It asks no database."""

    async def __call__(self, request: Request, token: Annotated[str | None, Depends(oauth2_scheme)]) -> TokenData:
        if not token:
            raise not_authenticated()
        try:
            return verify_token(token, request.app.state.token_policy, datetime.now(UTC))
        except InvalidToken:
            raise invalid_token() from None


AccessToken = Annotated[TokenData, Depends(JWTBearer())]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The caller, read in one query when the request came in; to change the user, load `User` through `Db`."""

    id: UUID
    username: str
    email: str
    full_name: str
    disabled: bool
    is_staff: bool
    is_superuser: bool
    date_joined: datetime
    last_login: datetime | None


_current_user = select(
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


async def get_current_user(
    token: AccessToken, database: Annotated[Database, Depends(get_database)]
) -> AuthenticatedUser:
    row = await database.fetch_one(_current_user.where(User.id == token.sub, User.disabled.is_(False)))
    if row is None:
        raise invalid_token()
    return AuthenticatedUser(*row)


CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]
