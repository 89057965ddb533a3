"""The bare application for comparisons with a project: it has as many routers and routes, but no code behind them.

A request goes through all routers before its own. So the number and the order of routes are part of the cost of
FastAPI. `python -m bench.bare` in a project's folder prints the outline of its routes. `create_app` makes the
application from it.
"""

# Its imports are installed for a project, but not for the template, where mypy checks it.
# mypy: disable-error-code="import-not-found,untyped-decorator,no-any-unimported"

import json
import os
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import groupby
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import RouteContext, iter_route_contexts

OUTLINE = "OUTLINE"  # the environment variable for `create_app`
Outline = list[Any]  # a list of routes (path and methods), mounts (path and None), and routers (outlines again)


def outline(app: FastAPI) -> Iterator[Any]:
    for entry in app.routes:
        contexts = list(iter_route_contexts([entry]))
        if contexts[0].original_route is entry:
            yield _described(contexts[0])
        else:
            yield _router(contexts)


def _router(contexts: Iterable[RouteContext]) -> Outline:
    """Each module with routes has its own router inside this one."""
    groups = [list(group) for _, group in groupby(contexts, lambda context: context.endpoint.__module__)]
    inner = [[_described(context) for context in group] for group in groups]
    return inner if len(inner) > 1 else inner[0]


def _described(context: RouteContext) -> dict[str, Any]:
    return {"path": context.path, "methods": sorted(context.methods) if context.methods else None}


def create_app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    _fill(app, json.loads(os.environ[OUTLINE]))
    return app


def _fill(home: FastAPI | APIRouter, entries: Outline) -> None:
    for entry in entries:
        match entry:
            case list():
                router = APIRouter()
                _fill(router, entry)
                home.include_router(router)
            case {"path": path, "methods": None}:
                home.mount(path, FastAPI())
            case {"path": path, "methods": methods}:
                home.add_api_route(path, plain, methods=methods)


async def plain() -> dict[str, str]:
    return {"message": "Hello!"}


if __name__ == "__main__":
    print(json.dumps(list(outline(import_module("app.main").app))))
