"""Reads from the routes of an application who may call them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from app.accounts.authentication.backends import GetCurrentUser, GetOptionalUser
from app.accounts.authentication.bearer import JWTBearer
from app.core.web.openapi import EVERYBODY

WHAT_TO_DO = """These routes do not say who may call them:

    {routes}

Give each route `user: CurrentUser`, `token: AccessToken` or `dependencies=[requires("app.action_model")]`. If callers
without a token may use it too, give it `user: OptionalUser`. All are in `app.accounts`. If everybody may call it and it
has none of these, write `@public` of `app.core.web` below its decorator."""


@dataclass
class Access:
    """Routes, for example `GET /users/me` or `WS /live`, without HEAD routes and mounted applications."""

    protected: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    public: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """They have a guard of their own, which says whom it admits."""
    unsaid: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        return WHAT_TO_DO.format(routes="\n    ".join(self.unsaid))


def access_of(app: FastAPI) -> Access:
    access = Access()
    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, Mount):
            kind = _kind(route)
            kind_of: list[str] = getattr(access, kind)
            kind_of.extend(f"{method} {route.path}" for method in _methods(route))
    return access


def _methods(route: RouteContext) -> list[str]:
    if isinstance(route.original_route, WebSocketRoute):
        return ["WS"]
    return sorted(set(route.methods or ()) - {"HEAD"})


def _kind(route: RouteContext) -> str:
    dependant = getattr(route, "dependant", None)  # Starlette's own routes have none
    guards = list(_guards(dependant)) if dependant else []
    is_public = getattr(route.endpoint, "admits", None) == EVERYBODY
    if not guards:
        return "public" if is_public else "unsaid"
    if is_public:
        return "unsaid"  # it has both
    if any(isinstance(guard, JWTBearer | GetCurrentUser) for guard in guards):
        return "protected"
    return "optional" if any(isinstance(guard, GetOptionalUser) for guard in guards) else "others"


def _guards(dependant: Dependant) -> Iterator[object]:
    """Yield all dependencies that have the attribute `admits`."""
    for part in dependant.dependencies:
        if hasattr(part.call, "admits"):
            yield part.call
        yield from _guards(part)
