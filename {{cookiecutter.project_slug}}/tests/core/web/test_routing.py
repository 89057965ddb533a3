from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI

from app.settings import Settings
from tests.conftest import Client, ClientWith, Serve

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def events(serve: Serve) -> list[str]:
    """An app has a router with another router inside. Both add settings of their own."""
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append("lifespan begins")
        yield
        events.append("lifespan ends")

    inner = APIRouter(prefix="/inner", lifespan=lifespan)
    outer = APIRouter(on_startup=[lambda: events.append("startup")], on_shutdown=[lambda: events.append("shutdown")])

    @inner.get("/page")
    @inner.put("/page")
    async def page() -> str:
        return "page"

    @outer.delete("/{anything}/page")
    async def remove() -> None: ...

    outer.include_router(inner)
    serve(outer)
    return events


async def test_routers_hear_of_the_start_and_of_the_end(settings: Settings, events: list[str]) -> None:
    from app.main import create_app

    app = create_app(settings)
    async with app.router.lifespan_context(app):
        assert sorted(events) == ["lifespan begins", "startup"]
    assert sorted(events[2:]) == ["lifespan ends", "shutdown"]


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("prefix", ["", "/prefix"])
async def test_the_answer_to_a_wrong_method_names_those_of_all_routers(client_with: ClientWith, prefix: str) -> None:
    async with Client((await client_with()).app, root_path=prefix) as client:
        answer = await client.post(f"{prefix}/inner/page")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, PUT")


@pytest.mark.usefixtures("events")
async def test_a_slash_too_many_is_taken_away(client_with: ClientWith) -> None:
    client = await client_with()

    assert (await client.get("/inner/page/")).headers["Location"] == "http://localhost/inner/page"
