"""Ways to tell who sends a request, or opens a WebSocket. Django calls them authentication backends.

They are asked in a fixed order: first for a JWT (`JWTAuthentication`), then those of the apps, by the apps' names. The
first one for which the request has a claim decides: where the claim is good, it names the user; where it is not, the
answer is 401, and no other way is tried.

An app adds its own in its module `apps`:

    def authentication(app: FastAPI) -> list[AuthenticationBackend]:
        return [JWTAuthentication("Token")]      # takes `Authorization: Token …`, too
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, HTTPException, status
from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from app.accounts.authentication.current_user import AuthenticatedUser
from app.accounts.authentication.tokens.signing import InvalidToken
from app.core.audit import Actor, acting
from app.core.web import raises

Schemes = Mapping[str, Mapping[str, Any]]


class AuthenticationBackend(ABC):
    @abstractmethod
    async def authenticate(self, connection: HTTPConnection) -> AuthenticatedUser | None:
        """Return the user, or None where nothing of this kind was sent. Raises InvalidToken where it is not valid."""

    def schemes(self) -> Schemes:
        """Return the security schemes that describe it in the OpenAPI document, by their names."""
        return {}


def not_authenticated() -> HTTPException:
    """RFC 6750, 3.1: where no token was sent, no error code is due."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def invalid_token() -> HTTPException:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "The access token is invalid or has expired", headers)


class Security(SecurityBase):
    """In the OpenAPI document its name stands for security schemes; `app.accounts.routes.docs` puts them there."""

    model = HTTPBearer()

    def __init__(self) -> None:
        self.scheme_name = type(self).__name__


@raises(401, 503)
class GetOptionalUser(Security):
    """A dependency for routes that are open to everybody. What is sent and not valid is 401 all the same."""

    admits = "everybody, or a user who is logged in"

    async def __call__(self, connection: HTTPConnection) -> AuthenticatedUser | None:
        for backend in connection.app.state.authentication:
            try:
                user: AuthenticatedUser | None = await backend.authenticate(connection)
            except InvalidToken:
                raise invalid_token() from None
            if user is not None:
                acting.set(Actor(user.id, user.username))  # for the audit log
                return user
        return None


@raises(401, 503)
class GetCurrentUser(Security):
    """A dependency that lets only enabled users pass, and those of a session only as long as it lasts."""

    admits = "a user who is logged in"

    async def __call__(self, connection: HTTPConnection) -> AuthenticatedUser:
        user = await get_optional_user(connection)
        if user is None:
            raise not_authenticated()
        return user


get_optional_user = GetOptionalUser()
get_current_user = GetCurrentUser()
OptionalUser = Annotated[AuthenticatedUser | None, Depends(get_optional_user)]
CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]
