"""Authentication backends, as in Django. They find out who sends a request or opens a WebSocket.

Their order is fixed: first the JWT (`JWTAuthentication`), then the backends of the apps, sorted by the apps' names. The
first backend that finds its kind of credentials decides. If they are valid, it returns the user. If not, the answer is
401, and no other backend is tried.

An app adds backends in its module `apps`:

    def authentication(app: FastAPI) -> list[AuthenticationBackend]:
        return [JWTAuthentication("Token")]      # also takes `Authorization: Token …`
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
        """Return the user, or None if the request has no such credentials. Raises InvalidToken if they are wrong."""

    def schemes(self) -> Schemes:
        """Return its security schemes for the OpenAPI document, by name."""
        return {}


def not_authenticated() -> HTTPException:
    """RFC 6750, 3.1: without a token in the request, the answer has no error code."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def invalid_token() -> HTTPException:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, "The access token is invalid or has expired", headers)


class Security(SecurityBase):
    """A placeholder in the OpenAPI document. `app.accounts.routes.docs` replaces it with the real security schemes."""

    model = HTTPBearer()

    def __init__(self) -> None:
        self.scheme_name = type(self).__name__


@raises(401, 503)
class GetOptionalUser(Security):
    """A dependency for routes that are open to everybody. Invalid credentials still get a 401."""

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
    """A dependency that lets only enabled users pass. If the request belongs to a session, it must be live."""

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
