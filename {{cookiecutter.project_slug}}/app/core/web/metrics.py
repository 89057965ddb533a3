"""Counts requests for Prometheus."""

from functools import lru_cache

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import Counter, Histogram
from starlette.types import Scope

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter("http_requests", "Answered requests.", ["method", "route", "status"])
SECONDS = Histogram("http_request_duration_seconds", "How long the answers took.", ["method", "route"])


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """A client may invent any number of methods and paths, but each pair of labels takes memory. So `method` is one of
    HTTP's own or "other", and `route` is a template, or empty where no route answered.
    """
    requests, durations = _counters(method if method in METHODS else "other", route, status)
    requests.inc()
    durations.observe(seconds)


@lru_cache(maxsize=1024)
def _counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


class RouteTemplates:
    """Finds the template of the route that answered, for example `/users/{user_id}`."""

    def __init__(self) -> None:
        self._templates: dict[int, str] | None = None

    def of(self, app: FastAPI, scope: Scope, root_path: str) -> str:
        """A route itself does not know the prefix of the router that brings it. Mounted applications are one route
        each: they have `root_path` and their own path in the scope.
        """
        if self._templates is None:
            contexts = iter_route_contexts(app.routes)
            self._templates = {id(context.original_route): context.path or "" for context in contexts}
        template = self._templates.get(id(scope.get("route")))
        return scope["root_path"].removeprefix(root_path) if template is None else template
