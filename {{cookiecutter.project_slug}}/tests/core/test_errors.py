import pytest
from fastapi import APIRouter
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy import text

from app.core.database import Db
from app.hello import routes
from app.settings import parse_database_url
from tests.conftest import PASSWORD, ClientWith


class Body(BaseModel):
    password: int


@pytest.fixture
async def probe(client_with: ClientWith, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    """A client of an application that has two more routes."""
    router = APIRouter()

    @router.post("/body")
    async def body(body: Body) -> None: ...

    @router.get("/query")
    async def query(db: Db, sql: str) -> None:
        await db.execute(text(sql))

    monkeypatch.setattr(routes, "router", router)
    return await client_with()


async def test_a_wrong_body_is_not_repeated(probe: AsyncClient) -> None:
    answer = await probe.post("/body", json={"password": "hush"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "password"]
    assert "hush" not in answer.text


async def test_a_faulty_query_is_a_bug(probe: AsyncClient) -> None:
    assert (await probe.get("/query", params={"sql": "SELECT nothing FROM nowhere"})).status_code == 500


async def test_an_unreachable_database_is_503(client_with: ClientWith) -> None:
    client = await client_with(database_url=parse_database_url("postgresql://localhost:1/none"))

    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json() == {"detail": "The database cannot be reached at the moment."}
