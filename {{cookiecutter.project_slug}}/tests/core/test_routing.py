from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient

from app.core.routing import PathIndex, include_flat


async def who() -> str:
    return "nobody"


def make_router() -> APIRouter:
    router = APIRouter(prefix="/things", tags=["things"])

    @router.get("/{name}")
    async def read(name: str, who: Annotated[str, Depends(who)]) -> str:
        return f"{name} {who}"

    return router


def router_of(*paths: str) -> APIRouter:
    """Each route answers with its own path, and tells that the request knows it."""
    router = APIRouter()

    def add(path: str) -> None:
        @router.get(path)
        async def read(request: Request) -> str:
            assert request.scope["route"].endpoint is request.scope["endpoint"] is read
            assert "router" in request.scope  # without which it could make no address of a route
            return path

    for path in paths:
        add(path)
    return router


async def get(app: FastAPI, path: str) -> object:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        return (await client.get(path)).json()


async def test_routes_become_the_applications_own() -> None:
    app = FastAPI(openapi_url=None)
    include_flat(app, make_router())

    assert [type(route) for route in app.routes] == [APIRoute]
    assert await get(app, "/things/x") == "x nobody"


async def test_each_application_has_its_own_overrides() -> None:
    router, apps = make_router(), [FastAPI(), FastAPI()]
    for app in apps:
        include_flat(app, router)
    apps[1].dependency_overrides[who] = lambda: "somebody"

    assert [await get(app, "/things/x") for app in apps] == ["x nobody", "x somebody"]


async def test_a_router_inside_another_keeps_both_prefixes() -> None:
    app, outer = FastAPI(), APIRouter()
    outer.include_router(make_router(), prefix="/outer")
    include_flat(app, outer)

    assert await get(app, "/outer/things/x") == "x nobody"
    assert "/outer/things/{name}" in app.openapi()["paths"]


def indexed(app: FastAPI) -> PathIndex:
    index = PathIndex(app.router)
    app.router.middleware_stack = index
    return index


async def test_the_route_that_was_declared_first_is_found() -> None:
    app = FastAPI(openapi_url=None)
    include_flat(app, router_of("/before", "/{anything}", "/after"))
    index = indexed(app)

    assert list(index.routes) == [("GET", "/before")]
    assert [await get(app, path) for path in ("/before", "/after")] == ["/before", "/{anything}"]


async def test_a_mounted_application_comes_first_where_it_was_mounted_first() -> None:
    app, inner = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    include_flat(inner, router_of("/page"))
    include_flat(app, router_of("/before"))
    app.mount("/inner", inner)
    include_flat(app, router_of("/inner/page", "/after"))

    assert [path for _, path in indexed(app).routes] == ["/before", "/after"]
    assert await get(app, "/inner/page") == "/page"


@pytest.mark.parametrize("kind", ["host", "router", "form limits"])
async def test_what_may_decide_otherwise_is_left_to_the_router(kind: str) -> None:
    app = FastAPI(openapi_url=None, form_limits={"max_fields": 1} if kind == "form limits" else None)
    if kind == "host":
        app.host("localhost", router_of("/page"))
    if kind == "router":
        app.include_router(router_of("/page"))
    include_flat(app, router_of("/page"))

    assert not indexed(app).routes
    assert await get(app, "/page") == "/page"


async def test_what_is_not_in_the_index_is_answered_as_ever() -> None:
    app = FastAPI(openapi_url=None)
    include_flat(app, router_of("/page"))
    indexed(app)
    include_flat(app, router_of("/later"))

    async with AsyncClient(transport=ASGITransport(app, root_path="/prefix"), base_url="http://localhost") as client:
        wrong_method = await client.post("/page")
        assert (wrong_method.status_code, wrong_method.headers["Allow"]) == (405, "GET")
        assert (await client.get("/page/")).headers["Location"] == "http://localhost/page"
        assert [(await client.get(path)).json() for path in ("/prefix/page", "/later")] == ["/page", "/later"]
