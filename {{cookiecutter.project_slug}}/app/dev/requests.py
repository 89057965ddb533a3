"""The last requests."""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.db import utcnow
from app.core.web import RouteTemplates
from app.dev.queries import Queries, Repeated, by_statement, recorded

MAX_REQUESTS = 100
UNSEEN = ("/dev", "/static", "/docs/assets", "/admin/statics", "/favicon.ico")
"""Our own pages, and files that pages load: they would hide all other requests."""


@dataclass
class SeenRequest:
    number: int
    method: str
    at: datetime = field(default_factory=utcnow)
    route: str = ""
    """The template of the path, as in `/users/{user_id}`. Without a route, or in a mounted application: the path."""
    status: int = 0
    ms: float = 0
    queries: Queries = field(default_factory=Queries)

    @property
    def statements(self) -> list[Repeated]:
        return by_statement(self.queries.kept)

    @property
    def has_n_plus_one(self) -> bool:
        return any(each.is_n_plus_one for each in self.statements)


class Recorder:
    """Is around the whole application. It never keeps a query of an address, which may have a token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.seen: deque[SeenRequest] = deque(maxlen=MAX_REQUESTS)
        self._numbers = count(1)
        self._templates = RouteTemplates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_unseen(scope):
            return await self.app(scope, receive, send)
        application, root_path = scope["app"], scope.get("root_path", "")  # a mounted application changes both
        request = SeenRequest(next(self._numbers), scope["method"])
        self.seen.append(request)
        token = recorded.set(request.queries)
        started = time.perf_counter()

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            request.ms = (time.perf_counter() - started) * 1000
            template = self._templates.of(application, scope, root_path)
            is_mounted = scope["root_path"] != root_path
            request.route = scope["path"].removeprefix(root_path) if is_mounted or not template else template
            recorded.reset(token)
            request.queries.running.clear()


def _is_unseen(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return any(path == each or path.startswith(f"{each}/") for each in UNSEEN)
