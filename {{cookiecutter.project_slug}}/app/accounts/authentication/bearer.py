"""JSON Web Tokens in the header `Authorization` (RFC 6750, 2.1)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.accounts.authentication.backends import (
    AuthenticationBackend,
    Schemes,
    Security,
    invalid_token,
    not_authenticated,
)
from app.accounts.authentication.current_user import AuthenticatedUser, find_caller
from app.accounts.authentication.tokens.claims import TokenData
from app.accounts.authentication.tokens.signing import InvalidToken
from app.core.audit import Actor, acting
from app.core.web import raises

JWT_SCHEMES: Schemes = {
    "OAuth2PasswordBearer": {
        "type": "oauth2",
        "description": "Log in with a username and a password.",
        "flows": {"password": {"tokenUrl": "token", "refreshUrl": "token", "scopes": {}}},
    },
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Paste an access token.",
    },
}


def credentials(connection: HTTPConnection, scheme: str) -> str | None:
    """Return the credentials in the header `Authorization`, if it has this scheme, in any case (RFC 9110, 11.1)."""
    given, _, value = connection.headers.get("Authorization", "").partition(" ")
    return value.strip() or None if given.lower() == scheme.lower() else None


def verified(connection: HTTPConnection, token: str) -> TokenData:
    """Raises InvalidToken."""
    data: TokenData = connection.app.state.token_verifier.verify(token, datetime.now(UTC))
    return data


class JWTAuthentication(AuthenticationBackend):
    """Takes an access token after the name of the scheme. The token's session must be live."""

    def __init__(self, scheme: str = "Bearer") -> None:
        self.scheme = scheme

    async def authenticate(self, connection: HTTPConnection) -> AuthenticatedUser | None:
        token = credentials(connection, self.scheme)
        if token is None:
            return None
        data = verified(connection, token)
        user = await find_caller(connection, data.sub, data.sid)
        if user is None:
            raise InvalidToken
        return user

    def schemes(self) -> Schemes:
        if self.scheme == "Bearer":
            return JWT_SCHEMES
        # OpenAPI's type `http` is for registered schemes: Swagger UI sends no others.
        description = f"`{self.scheme}`, a space, and an access token."
        header = {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}
        return {self.scheme: header}


@raises(401)
class JWTBearer(Security):
    """A dependency that lets only valid access tokens pass and returns their claims. It does not use the database."""

    admits = "a valid access token"

    async def __call__(self, connection: HTTPConnection) -> TokenData:
        token = credentials(connection, "Bearer")
        if token is None:
            raise not_authenticated()
        try:
            data = verified(connection, token)
        except InvalidToken:
            raise invalid_token() from None
        acting.set(Actor(data.sub, ""))
        return data


AccessToken = Annotated[TokenData, Depends(JWTBearer())]
