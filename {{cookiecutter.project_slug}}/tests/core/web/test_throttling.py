import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from limits import RateLimitItem
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from app.core.db import Database
from app.core.ops.checks import limits_are_shared
from app.core.settings import parse_rate
from app.core.web import throttling
from app.core.web.throttling import Limiter, MemoryStorage, Throttle, client_address
from app.settings import Settings
from tests.redis_server import RedisServer

TWICE = parse_rate("2/minute")
BRIEFLY = parse_rate("2/2 seconds")


@asynccontextmanager
async def shared(url: str) -> AsyncIterator[Limiter]:
    limiter = Limiter(SecretStr(url))
    yield limiter
    await limiter.close()


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    """Both storages must behave alike."""
    if request.param == "memory":
        yield Limiter()
    else:
        server: RedisServer = request.getfixturevalue("redis")
        async with shared(server.url) as limiter:
            yield limiter


async def hits(limiter: Limiter, count: int, rate: RateLimitItem = TWICE, key: str = "key") -> list[bool]:
    return [await limiter.hit(rate, key) == 0 for _ in range(count)]


async def test_what_is_beyond_the_rate_is_refused(limiter: Limiter) -> None:
    assert await hits(limiter, 4) == [True, True, False, False]
    assert await hits(limiter, 1, key="another key") == [True]
    assert await hits(limiter, 1, parse_rate("3/minute")) == [True]


async def test_waiting_is_told_and_costs_no_hit(limiter: Limiter) -> None:
    assert [await limiter.wait(TWICE, "key") for _ in range(3)] == [0, 0, 0]

    await hits(limiter, 2)

    assert 58 <= await limiter.wait(TWICE, "key") <= 60
    assert 58 <= await limiter.hit(TWICE, "key") <= 60


async def test_when_the_time_is_over_the_whole_rate_is_there_again(limiter: Limiter) -> None:
    await hits(limiter, 5, BRIEFLY)
    assert await limiter.wait(BRIEFLY, "key") in (1, 2)

    await asyncio.sleep(2.05)

    assert await hits(limiter, 3, BRIEFLY) == [True, True, False]


async def test_a_counter_can_be_cleared(limiter: Limiter) -> None:
    await hits(limiter, 2)

    await limiter.clear(TWICE, "key")

    assert await hits(limiter, 3) == [True, True, False]


async def test_of_many_at_once_exactly_the_rate_passes(limiter: Limiter) -> None:
    rate = parse_rate("50/minute")

    seconds = await asyncio.gather(*(limiter.hit(rate, "key") for _ in range(500)))

    assert seconds.count(0) == 50
    assert not limiter.redis_is_away


@pytest.mark.parametrize("key", [("a", "b"), ("a/b",), ("a\0b",), ("a', 'b",), ("x" * 2**20,), ("\ud800",), ("",)])
async def test_any_text_is_a_key_of_its_own(limiter: Limiter, key: tuple[str, ...]) -> None:
    await limiter.hit(parse_rate("1/minute"), "ab")

    assert await limiter.hit(parse_rate("1/minute"), *key) == 0
    assert await limiter.hit(parse_rate("1/minute"), *key) > 0


async def test_memory_is_bounded_and_the_oldest_counters_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MAX_COUNTERS", 100)
    storage = MemoryStorage()

    for number in range(1000):
        await storage.incr(str(number), 60)

    assert list(storage.counters) == [str(number) for number in range(900, 1000)]


async def test_a_flood_of_one_kind_does_not_let_another_kind_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MAX_COUNTERS", 100)
    limiter = Limiter()
    await hits(limiter, 2, key="failed logins")

    for number in range(1000):
        await limiter.hit(parse_rate("5/hour"), "mails", str(number))

    assert await hits(limiter, 1, key="failed logins") == [False]


async def test_what_is_cleared_takes_no_memory() -> None:
    storage = MemoryStorage()

    await storage.incr("key", 900)
    await storage.clear("key")

    assert not storage.counters


async def test_what_is_over_takes_no_memory() -> None:
    storage = MemoryStorage()
    for number in range(100):
        await storage.incr(f"key {number}", 0.001)
    await asyncio.sleep(0.01)

    await storage.incr("key", 900)

    assert list(storage.counters) == ["key"]
    assert await storage.check()


async def test_while_redis_is_away_the_process_throttles_by_itself(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.web.redis.RETRY_AFTER", 0.2)
    async with shared(redis.url) as limiter:
        assert await hits(limiter, 3) == [True, True, False]

        redis.stop()
        assert await hits(limiter, 20) == [True, True] + [False] * 18
        assert limiter.redis_is_away
        await asyncio.sleep(0.25)  # the limiter tries Redis again, without success
        assert await hits(limiter, 1) == [False]
        assert len(caplog.messages) == 1

        redis.start()
        await asyncio.sleep(0.25)
        assert await hits(limiter, 3) == [True, True, False]  # Redis has lost its counters, the process has not
        assert not limiter.redis_is_away
        assert caplog.messages[1:] == ["Redis is back."]


async def test_a_restart_of_redis_between_two_requests_is_not_noticed(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with shared(redis.url) as limiter:
        await asyncio.gather(*(hits(limiter, 2) for _ in range(20)))

        redis.stop()
        redis.start()

        seconds = await asyncio.gather(*(limiter.hit(parse_rate("10/minute"), "key") for _ in range(20)))
        assert seconds.count(0) == 10
        assert not caplog.messages


async def test_replicas_share_what_is_in_redis(redis: RedisServer) -> None:
    async with shared(redis.url) as one, shared(redis.url) as another:
        await hits(one, 2)

        assert await hits(another, 1) == [False]


async def test_a_redis_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """If each request waited, the first part would take 10 s and the second 50 s."""
    monkeypatch.setattr("app.core.web.redis.TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, but never answers
        async with shared(f"redis://127.0.0.1:{silent.getsockname()[1]}") as limiter:
            started = time.monotonic()
            await asyncio.gather(*(hits(limiter, 2, key=str(number)) for number in range(200)))
            waited = time.monotonic() - started

            assert limiter.redis_is_away
            assert waited < 5
            started = time.monotonic()
            await hits(limiter, 100)
            assert time.monotonic() - started < 5


async def test_a_warning_tells_no_password(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with shared(f"redis://someone:hush-hush@127.0.0.1:{redis.port}") as limiter:
        assert await hits(limiter, 3) == [True, True, False]

    (message,) = caplog.messages
    assert "hush" not in message


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:3::", 1), "2001:db8:1:3::/64"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("testclient", 1), "testclient"),
        (None, ""),
    ],
)
def test_an_address_is_that_of_one_customer(client: tuple[str, int] | None, counted: str) -> None:
    connection = HTTPConnection({"type": "http", "client": client, "headers": [(b"x-forwarded-for", b"198.51.100.1")]})

    assert client_address(connection) == counted


@pytest.fixture
def throttled() -> FastAPI:
    app = FastAPI()
    app.state.limiter = Limiter()
    inner = APIRouter(dependencies=[Depends(Throttle("2/minute"))])

    @inner.get("/{number}")
    async def first(number: int) -> None: ...

    @inner.post("/{number}")
    async def second(number: int) -> None: ...

    outer = APIRouter()
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    return app


def client_from(app: FastAPI, address: str) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, client=(address, 1)), base_url="http://localhost")


async def test_a_route_can_be_throttled(throttled: FastAPI) -> None:
    async with client_from(throttled, "192.0.2.1") as client:
        answers = [await client.get(f"/outer/inner/{number}") for number in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json() == {"detail": "Too many requests. Try again later."}
        assert 58 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert (await client.post("/outer/inner/1")).status_code == 200


async def test_each_client_has_a_rate_of_its_own_whatever_it_says_of_itself(throttled: FastAPI) -> None:
    async with client_from(throttled, "192.0.2.1") as client, client_from(throttled, "192.0.2.2") as other:
        for number in range(3):
            answer = await client.get("/outer/inner/1", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        assert answer.status_code == 429
        assert (await other.get("/outer/inner/1")).status_code == 200


@pytest.mark.parametrize(("workers", "redis_url", "problems"), [("4", None, 1), ("1", None, 0), ("4", "redis:", 0)])
async def test_workers_that_count_by_themselves_are_a_problem(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    workers: str,
    redis_url: str | None,
    problems: int,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    changed = settings.model_copy(update={"redis_url": redis_url and SecretStr(redis_url)})

    assert [problem.id async for problem in limits_are_shared(changed, database)] == ["core.W007"] * problems
