"""Routers, made flat at the start instead of searched through by each request."""

from copy import copy

from fastapi import APIRouter, FastAPI
from fastapi._body_limit import wrap_app_with_body_limit
from fastapi.routing import APIRoute, request_response

from app.core.openapi import operation_id


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
