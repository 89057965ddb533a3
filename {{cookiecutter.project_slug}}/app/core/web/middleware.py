"""The layers around FastAPI, in plain ASGI: each costs about a microsecond. A BaseHTTPMiddleware costs 70."""

import asyncio
import logging
import re
import time
from functools import lru_cache
from random import getrandbits
from typing import Any

from fastapi import FastAPI
from starlette import status
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.audit import NOBODY, acting, place
from app.core.logging import request_id
from app.core.web.errors import error_response, stopping
from app.core.web.metrics import RouteTemplates, count_request
from app.settings import Settings

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("app.access")

MAX_BODY_SIZE = 2**20  # bytes
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# RFC 9110, 7.2: a name, an IPv4 address or a bracketed IPv6 address, and perhaps a port.
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?", re.IGNORECASE)

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
)
HSTS = b"max-age=31536000"  # s: a year


class Application(FastAPI):
    """FastAPI inside our layers.

    `add_middleware` would add a layer inside those that answer 413 and 500. These answers need our headers and a line
    in the log too.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(max_body_size=MAX_BODY_SIZE, **options)
        self.state.settings = settings
        self.outermost = _wrapped(super().__call__, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # our layers answer errors too, and look for the application here
        await self.outermost(scope, receive, send)


def _wrapped(app: ASGIApp, settings: Settings) -> ASGIApp:
    layers: ASGIApp = TooLargeAsJSON(app)
    if settings.cors_allow_origins:
        layers = CORSMiddleware(
            layers,
            allow_origins=settings.cors_allow_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "WWW-Authenticate", "X-Request-ID"],
        )
    return RequestEnvelope(TrustedHosts(layers, settings), settings)


class RequestEnvelope:
    """Gives each request and each WebSocket an id, and each answer its security headers. Logs how a request ended.

    The id is the client's `X-Request-ID` if it is harmless in a log, else a new one. The answer repeats it.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.doubt = lru_cache(_doubt)  # once for each address
        self.templates = RouteTemplates()
        self.headers = list(SECURITY_HEADERS)
        if settings.environment == "production":
            value = HSTS + b"; includeSubDomains" if settings.hsts_include_subdomains else HSTS
            self.headers.append((b"strict-transport-security", value))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        application, root_path = scope["app"], scope.get("root_path", "")  # a mounted application changes both
        headers, client = dict(scope["headers"]), scope["client"][0] if scope.get("client") else ""
        name = _request_id(headers.get(b"x-request-id"))
        request_id.set(name.decode())
        acting.set(NOBODY)
        place.set(client)
        if client and b"x-forwarded-for" in headers and client.encode() not in headers[b"x-forwarded-for"]:
            self.doubt(client)
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        answered = 0
        started = time.perf_counter()

        async def send_enveloped(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                message["headers"] = [*message["headers"], *self.headers, (b"x-request-id", name)]
            await send(message)

        try:
            await self.app(scope, receive, send_enveloped)
        except Exception:
            # Starlette has answered 500, and raises the error again for the server's log. We log it with the id.
            logger.exception("Unhandled error in %s %s", scope["method"], scope["path"])
        except asyncio.CancelledError:
            # The server stops, and has waited long enough. If this task is not cancelled, another one is: a bug.
            if (task := asyncio.current_task()) and task.cancelling():
                logger.warning("The server stopped before it had finished %s %s.", scope["method"], scope["path"])
                if not answered:
                    await stopping(Request(scope))(scope, receive, send_enveloped)
            raise
        finally:
            seconds = time.perf_counter() - started
            route = self.templates.of(application, scope, root_path)
            count_request(scope["method"], route, answered, seconds)
            _log(scope, client, route, answered, seconds)
            acting.set(NOBODY)
            place.set("")


def _doubt(client: str) -> None:
    """uvicorn puts the client that a trusted proxy names in place of the proxy. Here it did not."""
    logger.warning(
        "%s sends X-Forwarded-For, but the server does not trust it. If it is your proxy, all its clients count as one "
        "and can lock each other out: name it in FORWARDED_ALLOW_IPS.",
        client,
    )


def _log(scope: Scope, client: str, route: str, code: int, seconds: float) -> None:
    """Leave out the query: it may carry a token."""
    method, ms, user = scope["method"], round(seconds * 1000, 1), acting.get().id
    fields = {"client": client or None, "method": method, "route": route, "status": code, "ms": ms, "user": user}
    access_logger.info("%s %s %d %.1f ms", method, scope["path"], code, ms, extra=fields)


def _request_id(named: bytes | None) -> bytes:
    if named and REQUEST_ID.fullmatch(named):
        return bytes(named)
    return b"%032x" % getrandbits(128)  # it must be unique, not secret


class TooLargeAsJSON:
    """FastAPI answers 413 in plain text if the declared length is too large. This layer makes our own answer of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = scope["type"] == "http" and b"content-length" in dict(scope["headers"])
        await self.app(scope, receive, _too_large_as_json(scope, receive, send) if declared else send)


def _too_large_as_json(scope: Scope, receive: Receive, send: Send) -> Send:
    replaced = False

    async def send_json(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == status.HTTP_413_CONTENT_TOO_LARGE:
            replaced = True
            await error_response(Request(scope), message["status"], "Content Too Large")(scope, receive, send)
        elif not replaced:
            await send(message)

    return send_json


class TrustedHosts:
    """Refuses requests for unknown host names. Health probes pass: they know only an address."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.names = frozenset(settings.allowed_hosts)
        self.suffixes = tuple(host[1:] for host in settings.allowed_hosts if host == "*" or host.startswith("*."))
        self.serves = lru_cache(self._serves)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self.trusts(scope):
            return await self.app(scope, receive, send)
        named = ", ".join(map(repr, _hosts(scope))) or "no host"
        logger.warning("Refused a request for %.300s: ALLOWED_HOSTS does not have it.", named)
        await error_response(HTTPConnection(scope), 400, "This host is not served here.")(scope, receive, send)

    def trusts(self, scope: Scope) -> bool:
        if scope["path"].removeprefix(scope.get("root_path", "")).startswith("/health/"):
            return True
        hosts = _hosts(scope)
        return len(hosts) == 1 and self.serves(hosts[0])

    def _serves(self, host: str) -> bool:
        match = HOST.fullmatch(host.lower())
        return match is not None and (match[1] in self.names or match[1].endswith(self.suffixes))


def _hosts(scope: Scope) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == b"host"]
