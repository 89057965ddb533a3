"""Routes, made ready at the start instead of searched through by each request."""

from collections.abc import Iterator
from copy import copy
from itertools import takewhile

from fastapi import APIRouter, FastAPI
from fastapi._body_limit import wrap_app_with_body_limit
from fastapi.routing import APIRoute, APIWebSocketRoute, request_response
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from app.core.openapi import operation_id

# These look only at the path and the method. Others, such as Host, may look at anything.
BY_PATH = [kind.matches for kind in (Route, APIRoute, APIWebSocketRoute, Mount)]


def include_flat(app: FastAPI, router: APIRouter) -> None:
    """Do what `app.include_router(router)` does, with the routes as the application's own where that is possible.

    Since FastAPI 0.137 an included router stays a router, which each request asks twice for the route that fits, and
    one inside another four times. A router that has others inside, or sockets, is left as it is.
    """
    if all(isinstance(route, APIRoute) for route in router.routes):
        app.router.routes.extend(_own(app, route) for route in router.routes if isinstance(route, APIRoute))
    else:
        app.include_router(router)


def _own(app: FastAPI, route: APIRoute) -> APIRoute:
    """A copy, since a router can serve several applications, and each has `dependency_overrides` of its own."""
    own = copy(route)
    own.dependency_overrides_provider = app
    own.unique_id = own.operation_id or operation_id(own)
    own.app = wrap_app_with_body_limit(request_response(own.get_route_handler()), own.max_body_size)
    return own


class PathIndex:
    """Looks up the routes that have no parameters in their path, before a router has to search for them.

    A router tries one regular expression after the other, at a microsecond each: for the last of 40 routes that takes
    as long as all else that FastAPI does.
    """

    def __init__(self, router: APIRouter) -> None:
        self.router = router
        self.search = router.middleware_stack
        # Limits for forms are handed on by the router.
        self.routes = {} if router.form_limits else dict(_plain(router.routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = None
        if scope["type"] == "http" and "fastapi.telemetry" not in scope:  # which hears from the router what was found
            route = self.routes.get((scope["method"], get_route_path(scope)))
        if route is None:
            return await self.search(scope, receive, send)
        scope.setdefault("router", self.router)
        scope.setdefault("path_params", {})
        scope.update(route=route, endpoint=route.endpoint)
        await route.app(scope, receive, send)


def _plain(routes: list[BaseRoute]) -> Iterator[tuple[tuple[str, str], APIRoute]]:
    """Yield method, path and route where no other one comes first."""
    routes = list(takewhile(lambda route: type(route).matches in BY_PATH, routes))
    for route in routes:
        if isinstance(route, APIRoute) and not route.param_convertors:
            for method in route.methods or ():
                scope = {"type": "http", "method": method, "path": route.path}
                if route is next(other for other in routes if other.matches(scope)[0] is Match.FULL):
                    yield (method, route.path), route
