import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from httpx import AsyncClient
from pydantic import SecretStr
from sqlalchemy import RowMapping

from app.core.db import Database, DatabaseUnavailable
from app.core.ops import health
from app.core.ops.health import Probe
from tests.conftest import ClientWith
from tests.redis_server import RedisServer


class Slow(Database):
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()

    async def fetch_one(self, query: Any, values: Mapping[str, Any]) -> RowMapping | None:
        self.asked += 1
        await self.answers.wait()
        return None


async def test_a_service_whose_database_answers_is_ready(client: AsyncClient) -> None:
    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "redis": "unused"})
    assert (await client.head("/health/ready")).status_code == 200


async def test_without_its_database_a_service_is_not_ready(client_with: ClientWith) -> None:
    client = await client_with()
    client.app.state.probe.database = Gone()

    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (503, {"detail": "The database cannot be reached at the moment."})
    assert answer.headers["Retry-After"]
    assert (await client.get("/health/live")).status_code == 200


class Gone(Database):
    def __init__(self) -> None: ...

    async def fetch_one(self, query: Any, values: Mapping[str, Any]) -> RowMapping | None:
        raise DatabaseUnavailable("connection refused")


async def test_a_database_that_hangs_is_asked_once_however_many_want_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DEADLINE", 0.05)
    database = Slow()
    probe = Probe(database)

    faults = await asyncio.gather(*(probe.fault() for _ in range(9)), probe.fault())
    again = await probe.fault()
    database.answers.set()

    assert {*faults, again} == {"no answer within 0.05 s"}
    assert database.asked == 1
    assert await probe.fault() == ""
    assert await probe.fault() == ""
    assert database.asked == 2


async def test_a_redis_that_is_away_is_named_and_refuses_nobody(client_with: ClientWith, redis: RedisServer) -> None:
    client = await client_with(redis_url=SecretStr(redis.url))
    assert (await client.get("/health/ready")).json()["redis"] == "ok"

    redis.stop()

    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "redis": "away"})
