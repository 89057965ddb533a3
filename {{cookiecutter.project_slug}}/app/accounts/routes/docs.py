"""The texts about accounts in `/docs`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi import FastAPI

from app.accounts.authentication.backends import AuthenticationBackend, GetCurrentUser, GetOptionalUser
from app.accounts.authentication.bearer import JWT_SCHEMES, JWTBearer
from app.settings import Settings

Document = dict[str, Any]
Requirement = dict[str, list[str]]

LOGGING_IN = """
### Logging in

Here: press **Authorize**, and enter your username (or e-mail address) and your password.

A program posts both as a form to `/token`. Then it sends the `access_token` of the answer with its requests:

    curl $URL/token --data-urlencode username=NAME --data-urlencode password=PASSWORD
    curl $URL/users/me -H "Authorization: Bearer ACCESS_TOKEN"

The token is valid for {minutes} minutes. After that, exchange the `refresh_token` of the same answer, which works once,
for two new tokens:

    curl $URL/token -d grant_type=refresh_token -d refresh_token=REFRESH_TOKEN
"""

TAGS = {
    "token": "Log in, refresh tokens, log out.",
    "me": "Your own account.",
    "e-mail and password": "Actions that need a link from a mail.",
    "users": "Administration of the accounts of others.",
    "groups": "Groups have permissions. Users have the permissions of their groups.",
}


def describe(app: FastAPI) -> None:
    settings: Settings = app.state.settings
    app.description += "\n" + LOGGING_IN.format(minutes=settings.access_token_expire_minutes)
    app.openapi_tags = [
        *(app.openapi_tags or []),
        *({"name": name, "description": text} for name, text in TAGS.items()),
    ]
    app.openapi = _with_security(app.openapi, app.state.authentication)  # type: ignore[method-assign]


def _with_security(
    generate: Callable[[], Document], backends: tuple[AuthenticationBackend, ...]
) -> Callable[[], Document]:
    """FastAPI allows one security scheme for each dependency. Ours accept any of several."""
    schemes = {name: scheme for backend in backends for name, scheme in backend.schemes().items()}
    ways = {
        JWTBearer.__name__: _any_of(JWT_SCHEMES),
        GetCurrentUser.__name__: _any_of(schemes),
        GetOptionalUser.__name__: [{}, *_any_of(schemes)],
    }

    def openapi() -> Document:
        document = generate()
        for operation in _secured(document):
            operation["security"] = [
                way for each in operation["security"] for name in each for way in ways.get(name, [each])
            ]
        known = document.get("components", {}).get("securitySchemes", {})
        others = {name: scheme for name, scheme in known.items() if name not in ways}
        document.setdefault("components", {})["securitySchemes"] = {**schemes, **others}
        return document

    return openapi


def _any_of(schemes: Iterable[str]) -> list[Requirement]:
    return [{name: []} for name in schemes]


def _secured(document: Document) -> Iterator[Document]:
    for operations in document["paths"].values():
        yield from (operation for operation in operations.values() if "security" in operation)
