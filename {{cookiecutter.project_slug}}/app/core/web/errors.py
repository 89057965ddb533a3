"""Every error answer: JSON with `detail`. The token routes of OAuth 2.0 add an `error` code.

A browser that opens an address gets a page that says the same. `ErrorFormat` of `app.core.web` changes the
JSON of all answers except those of the token routes: RFC 6749 sets their form.
"""

import logging
from collections.abc import Mapping, Sequence
from http.client import responses
from math import ceil
from typing import Any

from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.core.db import DatabaseUnavailable, is_away, is_conflict, is_needed, is_unmigrated, taken_columns
from app.core.logging import request_id
from app.core.web.openapi import format_of
from app.core.web.pages.rendering import page, prefers_page

logger = logging.getLogger(__name__)

RETRY_AFTER = 5  # s
BODILESS = (204, 205, 304)  # RFC 9110, 15.3.5, 15.3.6 and 15.4.5


class OAuth2Error(HTTPException):
    """An error answer of a token route. `error` is one of the codes in RFC 6749, 5.2."""

    def __init__(
        self, error: str, detail: str, status_code: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        # RFC 6749, 5.1: no cache may keep an answer of a token route.
        super().__init__(status_code, detail, {"Cache-Control": "no-store", **(headers or {})})
        self.error = error


class ServerBusy(HTTPException):
    """The server has too much to do: 503 with the seconds to wait in `Retry-After` (RFC 9110, 10.2.3)."""

    def __init__(self, seconds: float) -> None:
        detail = "The server is busy. Try again later."
        super().__init__(status.HTTP_503_SERVICE_UNAVAILABLE, detail, {"Retry-After": str(ceil(seconds))})


def install_error_handlers(app: Starlette) -> None:
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(OAuth2Error, _oauth2_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(UnicodeError, _undecodable)
    app.add_exception_handler(Exception, _bug)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(StaleDataError, _conflict)
    for away in (DatabaseUnavailable, PoolTimeoutError):
        app.add_exception_handler(away, _database_away)


class Refusal(Response):
    """Closes a WebSocket, or refuses one that is not accepted yet."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        code = status.WS_1013_TRY_AGAIN_LATER if self.status_code >= 500 else status.WS_1008_POLICY_VIOLATION
        await send({"type": "websocket.close", "code": code})


def error_response(
    connection: HTTPConnection, code: int, detail: Any, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer of every error handler: a page for people, JSON for programs, a close for a WebSocket."""
    if connection.scope["type"] == "websocket":
        return Refusal(status_code=code)
    request = Request(connection.scope)
    headers = {"Vary": "Accept", **(headers or {})}
    if not prefers_page(request):
        error_format = format_of(request.app)
        return JSONResponse(error_format.make(code, detail), code, headers, error_format.media_type)
    lines = [_line(fault) for fault in (detail if isinstance(detail, list) else [detail])]
    values = {"code": code, "phrase": responses.get(code, "Error"), "lines": lines, "request_id": request_id.get()}
    return page(request, "core/error.html", code, headers, mount=_mount(request), **values)


def stopping(connection: HTTPConnection) -> Response:
    return _unavailable(connection, "The server is stopping. Try again later.")


def _unavailable(connection: HTTPConnection, detail: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER)}
    return error_response(connection, status.HTTP_503_SERVICE_UNAVAILABLE, detail, headers)


def _mount(request: Request) -> str:
    """Return the path of the mounted application that answers, for example `admin`; empty for the main one."""
    root_path: str = request.scope["root_path"]
    return root_path.removeprefix(request.base_url.path.rstrip("/")).strip("/")


def _line(fault: object) -> str:
    """For people: write one of FastAPI's faults with the name of its field, and anything else as it is."""
    match fault:
        case {"loc": [*_, field], "msg": message}:
            return f"{field}: {message}"
    return str(fault)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if request.scope["type"] == "http" and error.status_code in BODILESS:
        return Response(status_code=error.status_code, headers=error.headers)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(_methods(request) | set(headers["Allow"].split(", "))))
    return error_response(request, error.status_code, error.detail, headers)


def _methods(request: Request) -> set[str]:
    """Return all methods of the path (RFC 9110, 15.5.6). A router names only those of the first route that matches."""
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in matching for method in route.methods or ()}


async def _oauth2_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OAuth2Error)
    return JSONResponse({"detail": error.detail, "error": error.error}, error.status_code, error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    """FastAPI's own answer would repeat the input, which may hold a password."""
    assert isinstance(error, RequestValidationError)
    detail = [{key: item[key] for key in ("type", "loc", "msg")} for item in error.errors()]
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, detail)


async def _undecodable(request: Request, error: Exception) -> Response:
    """A form may name any charset, and hold bytes that this charset does not allow."""
    detail = "The request is not valid text in the charset that it names."
    return error_response(request, status.HTTP_422_UNPROCESSABLE_CONTENT, detail)


async def _database_error(request: Request, error: Exception) -> Response:
    """Answer 503 if the database is away or not migrated, and 409 if another request was quicker. All else is a bug."""
    assert isinstance(error, DBAPIError)
    if is_conflict(error):
        return await _conflict(request, error)
    if is_unmigrated(error):
        return _unmigrated(request, error)
    if not is_away(error):
        raise error
    return await _database_away(request, error)


async def _conflict(request: Request, error: Exception) -> Response:
    detail = conflict_reason(error) if isinstance(error, DBAPIError) else None
    detail = detail or "Another request has changed this. Load it again, then try again."
    return error_response(request, status.HTTP_409_CONFLICT, detail)


def conflict_reason(error: DBAPIError) -> str | None:
    """Return a sentence about what is taken, or that others need the row. Return None if the error tells neither."""
    if is_needed(error):
        return "This cannot be deleted, because something else refers to it."
    columns = taken_columns(error)
    return f"There is already one with this {named(columns)}." if columns else None


def named(columns: Sequence[str]) -> str:
    """Use the names that clients know, not those of folded copies. Leave out foreign keys if there are other columns:
    they only tell among which rows a value must be unique.
    """
    names = [name.removesuffix("_folded") for name in columns]
    return " and ".join([name for name in names if not name.endswith("_id")] or names)


async def _database_away(request: Request, error: Exception) -> Response:
    detail = "The database cannot be reached at the moment."
    logger.error("%s: %s", detail, error)
    return _unavailable(request, detail)


def _unmigrated(request: Request, error: DBAPIError) -> Response:
    detail = "The database is not ready at the moment."
    logger.error("%s Run `python manage.py migrate`: %s", detail, str(error.orig).partition("\n")[0])
    return _unavailable(request, detail)


async def _bug(request: Request, error: Exception) -> Response:
    """Hide the reason from the client: it goes to the log."""
    return error_response(request, status.HTTP_500_INTERNAL_SERVER_ERROR, "Internal server error")
