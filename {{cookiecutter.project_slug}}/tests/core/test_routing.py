from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient

from app.core.routing import include_flat


async def who() -> str:
    return "nobody"


def make_router() -> APIRouter:
    router = APIRouter(prefix="/things", tags=["things"])

    @router.get("/{name}")
    async def read(name: str, who: Annotated[str, Depends(who)]) -> str:
        return f"{name} {who}"

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
