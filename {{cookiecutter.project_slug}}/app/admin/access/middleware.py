"""The first checks of each request to the admin site, and headers of each answer. Pure ASGI, as in core."""

from urllib.parse import urlsplit

from starlette import status
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.web import error_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1: they change nothing
OURS = ("same-origin", "none")  # from one of our pages, or from none, for example a typed address


class Shield:
    """Refuses changes from pages of other origins: a browser adds our cookie to their requests. Refuses text that no
    database can store. Forbids caches to keep pages. Turns HEAD into GET: sqladmin would treat it as a POST.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["method"] not in SAFE_METHODS and not is_ours(Headers(scope=scope)):
            answer = error_response(Request(scope), status.HTTP_403_FORBIDDEN, "This request came from another site.")
            return await answer(scope, receive, send)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            code = status.HTTP_422_UNPROCESSABLE_CONTENT
            return await error_response(Request(scope), code, "NUL characters are not allowed.")(scope, receive, send)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server still knows the HEAD, and sends no body
        await self.app(scope, receive, _unless_static(scope, send))


def is_ours(headers: Headers) -> bool:
    """Every current browser sends one of the two headers. Clients without them, such as curl, have no user to trick."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in OURS
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # not an address
        return False


def _unless_static(scope: Scope, send: Send) -> Send:
    if scope["path"].startswith(f"{scope['root_path']}/statics/"):
        return send

    async def send_uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
        await send(message)

    return send_uncached
