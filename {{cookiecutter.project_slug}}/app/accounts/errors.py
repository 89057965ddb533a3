"""What the use cases raise, as answers: the one place that knows both."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, status
from fastapi.responses import HTMLResponse, Response

from app.accounts.administration import NotAllowed, Unknown
from app.accounts.confirmations import InvalidLink
from app.accounts.hashing import InvalidPassword
from app.accounts.services import LastSuperuser, NotFound, Taken, WrongPassword
from app.core.errors import error_response
from app.core.pages import page

Handler = Callable[[Request, Exception], Awaitable[Response]]

INVALID_LINK = "This link is not valid any more: it was used, it has expired, or something has changed since"
LAST_SUPERUSER = "This is the last superuser: make another one first"


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(NotFound, _says(status.HTTP_404_NOT_FOUND, str))
    app.add_exception_handler(NotAllowed, _says(status.HTTP_403_FORBIDDEN, str))
    app.add_exception_handler(WrongPassword, _says(status.HTTP_400_BAD_REQUEST, lambda _: "The password is wrong"))
    app.add_exception_handler(InvalidLink, _says(status.HTTP_400_BAD_REQUEST, lambda _: INVALID_LINK))
    app.add_exception_handler(Taken, _says(status.HTTP_409_CONFLICT, lambda error: f"Another has this {error}"))
    app.add_exception_handler(LastSuperuser, _says(status.HTTP_409_CONFLICT, lambda _: LAST_SUPERUSER))
    app.add_exception_handler(InvalidPassword, _invalid_password)
    app.add_exception_handler(Unknown, _unknown)


def invalid_link_page(request: Request) -> HTMLResponse:
    """For whom a link has led to a page of our own."""
    return page(request, "accounts/invalid_link.html", status_code=status.HTTP_400_BAD_REQUEST)


def _says(code: int, text: Callable[[Exception], str]) -> Handler:
    async def handler(request: Request, error: Exception) -> Response:
        return error_response(request, code, text(error))

    return handler


async def _invalid_password(request: Request, error: Exception) -> Response:
    """All faults at once, in the shape in which FastAPI tells of other invalid fields."""
    assert isinstance(error, InvalidPassword)
    detail = [{"type": fault.code, "loc": ["body", error.field], "msg": fault.message} for fault in error.faults]
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, detail)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unknown)
    detail = [{"type": "unknown", "loc": ["body", error.field], "msg": f"Unknown: {error}"}]
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
