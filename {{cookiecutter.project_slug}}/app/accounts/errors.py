"""Errors of the use cases. The text is for people. Routes answer with the status."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from fastapi import Request, status
from fastapi.responses import Response

from app.core.web import error_response

CHALLENGE = {"WWW-Authenticate": "Bearer"}  # RFC 9110, 15.5.2: each 401 has one


class AccountsError(Exception):
    status_code: ClassVar[int] = status.HTTP_400_BAD_REQUEST
    headers: ClassVar[Mapping[str, str] | None] = None
    text: ClassVar[str] = ""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or self.text)

    @property
    def detail(self) -> Any:
        return str(self)


class InvalidCredentials(AccountsError):
    """The user does not exist or is disabled, or the password is wrong. The error does not tell which."""

    status_code = status.HTTP_401_UNAUTHORIZED
    headers = CHALLENGE
    text = "Incorrect username or password"


class InvalidRefreshToken(AccountsError):
    status_code = status.HTTP_401_UNAUTHORIZED
    headers = CHALLENGE
    text = "The refresh token is invalid, expired or used."


class WrongPassword(AccountsError):
    """A logged-in user gave a wrong current password."""

    text = "The password is wrong"


class InvalidLink(AccountsError):
    """The link was used, has expired, is not valid after another change, or is not ours."""

    text = "This link is no longer valid: it was used, it has expired, or the account has changed"


class NotAllowed(AccountsError):
    """The text says what the actor may not do."""

    status_code = status.HTTP_403_FORBIDDEN


class NotFound(AccountsError):
    """There is no such user, group or session, or the session is another user's."""

    status_code = status.HTTP_404_NOT_FOUND


class Taken(AccountsError):
    """Another user or group has the same value in this field, for example in `username`."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, field: str, by: str = "user") -> None:
        super().__init__(f"Another {by} has this {field}")
        self.field = field


class LastSuperuser(AccountsError):
    """Without a superuser, nobody could make a new one."""

    status_code = status.HTTP_409_CONFLICT
    text = "This is the last superuser. Make another one first"


class Unknown(AccountsError):
    """Some names are not known. `field` is `groups` or `permissions`."""

    status_code = status.HTTP_422_UNPROCESSABLE_CONTENT

    def __init__(self, field: str, names: Iterable[object]) -> None:
        self.field = field
        self.names = ", ".join(sorted(map(str, names)))
        super().__init__(f"Unknown {field}: {self.names}")

    @property
    def detail(self) -> Any:
        return [{"type": "unknown", "loc": ["body", self.field], "msg": f"Unknown: {self.names}"}]


async def answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, AccountsError)
    return error_response(request, error.status_code, error.detail, error.headers)
