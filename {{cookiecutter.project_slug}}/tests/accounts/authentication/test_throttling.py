import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from unittest.mock import ANY

import pytest
from anyio import CapacityLimiter
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Headers, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.settings import parse_rate
from tests.conftest import PASSWORD, ClientWith
from tests.redis_server import RedisServer

WRONG = "wrong horse battery staple"

ClientFrom = Callable[[str], AsyncClient]


@pytest.fixture
def client_from(application: FastAPI, client: AsyncClient) -> ClientFrom:
    """Clients with other addresses than `client`."""
    return lambda address: AsyncClient(
        transport=ASGITransport(application, client=(address, 1)), base_url="http://localhost"
    )


async def try_login(client: AsyncClient, name: str = "alice", password: str = WRONG) -> Response:
    return await client.post("/token", data={"username": name, "password": password})


async def statuses(client: AsyncClient, count: int, name: str = "alice", password: str = WRONG) -> list[int]:
    return [(await try_login(client, name, password)).status_code for _ in range(count)]


async def test_after_five_wrong_passwords_even_the_right_one_is_refused(client: AsyncClient, user: User) -> None:
    assert await statuses(client, 6) == [401] * 5 + [429]

    answer = await try_login(client, password=PASSWORD)

    assert answer.status_code == 429
    assert answer.json() == {"detail": "Too many requests. Try again later.", "error": "invalid_grant"}
    assert 890 <= int(answer.headers["Retry-After"]) <= 900
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_refused_try_costs_no_hash(
    client: AsyncClient, application: FastAPI, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await statuses(client, 5)

    monkeypatch.setattr(application.state.passwords.hasher, "check", None)

    assert await statuses(client, 2) == [429, 429]


async def test_another_user_and_another_address_are_not_touched(
    client: AsyncClient, client_from: ClientFrom, user: User, admin: User
) -> None:
    await statuses(client, 6)

    assert await statuses(client, 1, "root", PASSWORD) == [200]
    async with client_from("192.0.2.1") as elsewhere:
        assert await statuses(elsewhere, 1, "alice", PASSWORD) == [200]


@pytest.mark.parametrize("name", ["ALICE", "alice@example.com", "Alice@EXAMPLE.com"])
async def test_a_user_has_no_more_tries_by_other_names(client: AsyncClient, user: User, name: str) -> None:
    assert await statuses(client, 3) + await statuses(client, 3, name) == [401] * 5 + [429]


async def test_an_unknown_and_a_disabled_user_are_refused_alike(
    client: AsyncClient, db: AsyncSession, user: User
) -> None:
    user.disabled = True
    await db.commit()

    assert await statuses(client, 6, "nobody") == await statuses(client, 6, "alice", PASSWORD) == [401] * 5 + [429]
    assert await statuses(client, 1, "NOBODY") == [429]
    refusals = [await try_login(client, name) for name in ("nobody", "alice")]
    assert refusals[0].json() == refusals[1].json()
    assert refusals[0].headers.keys() == refusals[1].headers.keys()


async def test_a_name_that_is_the_id_of_a_user_does_not_lock_him_out(client: AsyncClient, user: User) -> None:
    await statuses(client, 6, str(user.id))

    assert await statuses(client, 1, password=PASSWORD) == [200]


async def test_a_name_of_any_length_counts(client: AsyncClient, user: User) -> None:
    assert await statuses(client, 6, "x" * 100_000) == [401] * 5 + [429]


async def test_a_success_clears_the_failures(client: AsyncClient, user: User) -> None:
    assert await statuses(client, 4) == [401] * 4
    assert await statuses(client, 1, password=PASSWORD) == [200]
    assert await statuses(client, 6) == [401] * 5 + [429]


async def test_refused_tries_neither_count_nor_prolong(
    client_with: ClientWith, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_with(login_throttle=parse_rate("2/hour"))
    assert await statuses(client, 2) == [401] * 2

    found = []
    for minute in (10, 20, 30, 40, 50, 61):
        clock = SimpleNamespace(time=partial(sum, (time.time(), minute * 60)))
        monkeypatch.setattr("app.core.web.throttling.time", clock)
        found += await statuses(client, 1, password=PASSWORD)
    assert found == [429] * 5 + [200]


async def test_a_burst_of_wrong_passwords_learns_no_more_than_five_answers(client: AsyncClient, user: User) -> None:
    answers = await asyncio.gather(*(try_login(client, password=f"wrong {number}") for number in range(50)))

    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 45}
    assert await statuses(client, 1, password=PASSWORD) == [429]


async def test_refused_tries_of_a_burst_do_not_count_for_the_account(
    client: AsyncClient, client_from: ClientFrom, user: User
) -> None:
    await asyncio.gather(*(try_login(client, password=f"wrong {number}") for number in range(50)))

    async with client_from("192.0.2.1") as elsewhere:
        assert await statuses(elsewhere, 1, password=PASSWORD) == [200]


async def test_the_right_password_is_not_told_in_a_burst_of_guesses(
    client: AsyncClient, application: FastAPI, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come in before one has failed, so all are hashed: here one after another, the right one last."""
    monkeypatch.setattr(application.state.passwords.hasher, "_limiter", CapacityLimiter(1))
    guesses = [f"wrong {number}" for number in range(20)]

    answers = await asyncio.gather(*(try_login(client, password=guess) for guess in [*guesses, PASSWORD]))

    assert answers[-1].status_code == 429


async def test_many_right_logins_at_once_all_succeed(client: AsyncClient, user: User) -> None:
    answers = await asyncio.gather(*(try_login(client, password=PASSWORD) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}


async def test_one_address_is_refused_after_twenty_times_as_many_failures(
    client_with: ClientWith, user: User, admin: User
) -> None:
    client = await client_with(login_throttle=parse_rate("1/15 minutes"))
    assert {(await try_login(client, f"user {number}")).status_code for number in range(20)} == {401}

    assert await statuses(client, 1, "alice", PASSWORD) == [429]
    assert await statuses(client, 1, "user 20") == [429]


async def test_one_account_is_refused_after_ten_times_as_many_failures(
    client_from: ClientFrom, user: User, admin: User
) -> None:
    for number in range(10):
        async with client_from(f"192.0.2.{number}") as client:
            assert await statuses(client, 5) == [401] * 5

    async with client_from("192.0.2.100") as client:
        assert await statuses(client, 1, "alice", PASSWORD) == [429]
        assert await statuses(client, 1, "root", PASSWORD) == [200]


async def test_a_client_cannot_choose_its_address(client: AsyncClient, user: User) -> None:
    for number in range(5):
        client.headers = Headers({"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"})
        assert await statuses(client, 1) == [401]

    assert await statuses(client, 1) == [429]


async def test_all_addresses_of_one_network_are_one(client_from: ClientFrom, user: User) -> None:
    for number in range(5):
        async with client_from(f"2001:db8:1:2:{number}::{number}") as client:
            assert await statuses(client, 1) == [401]

    async with client_from("2001:db8:1:2::ffff") as neighbour, client_from("2001:db8:1:3::") as stranger:
        assert await statuses(neighbour, 1, password=PASSWORD) == [429]
        assert await statuses(stranger, 1, password=PASSWORD) == [200]


async def test_logins_go_on_while_redis_is_away(
    client_with: ClientWith,
    redis: RedisServer,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("app.core.web.redis.RETRY_AFTER", 0.2)
    client = await client_with(redis_url=SecretStr(redis.url))
    replica = await client_with(redis_url=SecretStr(redis.url))
    assert await statuses(client, 3) + await statuses(replica, 3) == [401] * 5 + [429]

    redis.stop()
    assert await statuses(client, 1, password=PASSWORD) == [200]
    assert await statuses(client, 6) == [401] * 5 + [429]
    assert [message for message in caplog.messages if "Redis" in message] == [ANY]

    redis.start()
    await asyncio.sleep(0.25)
    assert await statuses(client, 3) + await statuses(replica, 3) == [401] * 5 + [429]
    assert [message for message in caplog.messages if "Redis" in message] == [ANY, "Redis is back."]
