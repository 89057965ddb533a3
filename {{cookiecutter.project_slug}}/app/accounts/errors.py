"""What the use cases refuse. The text of an error is for people; its status is the one of a route's answer."""

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
    """No such user, a wrong password, or a disabled user: the error does not tell which."""

    status_code = status.HTTP_401_UNAUTHORIZED
    headers = CHALLENGE
    text = "Incorrect username or password"


class InvalidRefreshToken(AccountsError):
    status_code = status.HTTP_401_UNAUTHORIZED
    headers = CHALLENGE
    text = "The refresh token is invalid, expired or used."


class WrongPassword(AccountsError):
    """A user who is logged in did not give their present password."""

    text = "The password is wrong"


class InvalidLink(AccountsError):
    """The link was used before, has expired, is void since something else has changed, or is none of ours."""

    text = "This link is not valid any more: it was used, it has expired, or something has changed since"


class NotAllowed(AccountsError):
    """The text says what the actor may not do."""

    status_code = status.HTTP_403_FORBIDDEN


class NotFound(AccountsError):
    status_code = status.HTTP_404_NOT_FOUND


class Taken(AccountsError):
    """Another user, or another group, has the same value in this field, such as `username` or `email`."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, field: str, by: str = "user") -> None:
        super().__init__(f"Another {by} has this {field}")
        self.field = field


class LastSuperuser(AccountsError):
    """Without this superuser nobody could give rights to anybody."""

    status_code = status.HTTP_409_CONFLICT
    text = "This is the last superuser: make another one first"


class Unknown(AccountsError):
    """There are no such groups or permissions: `field` says which of both they are."""

    status_code = status.HTTP_422_UNPROCESSABLE_CONTENT

    def __init__(self, field: str, names: Iterable[object]) -> None:
        self.field = field
        self.names = ", ".join(sorted(map(str, names)))
        super().__init__(f"There are no such {field}: {self.names}")

    @property
    def detail(self) -> Any:
        return [{"type": "unknown", "loc": ["body", self.field], "msg": f"Unknown: {self.names}"}]


async def answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, AccountsError)
    return error_response(request, error.status_code, error.detail, error.headers)
