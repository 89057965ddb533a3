import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.accounts.authentication.passwords import pool
from app.accounts.authentication.passwords.pool import PasswordHasher, cores
from app.accounts.models import User
from app.core.web import ServerBusy
from tests.conftest import PASSWORD

MANY = 20


class Clock:
    """The first hashes take the given seconds, all others as long as the last. While it is stopped, no hash begins."""

    def __init__(self, *seconds: float) -> None:
        self._times = chain.from_iterable((0.0, time) for time in chain(seconds, repeat(seconds[-1])))
        self.running = Event()
        self.running.set()

    def __call__(self) -> float:
        assert self.running.wait(timeout=30)
        return next(self._times)


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("100000000 100000", cores(Path("none"))),
        ("max 100000", cores(Path("none"))),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, limit: str, found: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")

    assert cores(tmp_path / "cpu.max") == found


async def make_hasher(clock: Clock, hashes: int = 9) -> PasswordHasher:
    """A hasher with one thread that has already measured some hashes."""
    hasher = PasswordHasher(rounds=4, threads=1, clock=clock)
    for _ in range(hashes):
        await hasher.hash("x")
    return hasher


async def accepted(hasher: PasswordHasher) -> int:
    """Request many hashes at once. Return how many were accepted."""
    outcomes = await asyncio.gather(*(hasher.hash("x") for _ in range(MANY)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(outcome, ServerBusy) for outcome in refused)
    return MANY - len(refused)


async def test_the_hasher_works_off_the_loop() -> None:
    hasher = PasswordHasher(rounds=4)
    hashed = await hasher.hash("right")

    assert (await hasher.check("right", hashed)).valid
    assert not (await hasher.check("wrong", hashed)).valid
    assert not (await hasher.check("right", None)).valid


@pytest.mark.parametrize(
    ("seconds", "room"),
    [
        (1, 1 + 6),  # one runs; a wait of just 5 s is still accepted
        (3, 1 + 2),
        (60, 1 + 1),
        (0.01, MANY),
    ],
)
async def test_the_queue_is_as_long_as_this_machine_hashes_in_five_seconds(seconds: float, room: int) -> None:
    hasher = await make_hasher(Clock(seconds))

    assert await accepted(hasher) == room
    assert await accepted(hasher) == room  # the first flood has left nothing behind


async def test_the_queue_is_bounded_before_anything_is_measured() -> None:
    assert await accepted(await make_hasher(Clock(0), hashes=0)) == MANY
    assert PasswordHasher(rounds=14)._times[0] == 4 * PasswordHasher(rounds=12)._times[0]  # noqa: SLF001 (our own)


@pytest.mark.parametrize("hashes", [1, 2, 3, 9])
async def test_one_slow_hash_says_nothing(hashes: int) -> None:
    assert await accepted(await make_hasher(Clock(1000, 0.001), hashes)) == MANY


async def test_a_machine_that_slows_down_is_noticed() -> None:
    hasher = await make_hasher(Clock(*[0.001] * 9, 3), hashes=9 + 5)

    assert await accepted(hasher) == 1 + 2


async def test_who_waits_longer_than_expected_is_refused_and_what_has_begun_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(0.001)
    hasher = await make_hasher(clock)
    clock.running.clear()
    monkeypatch.setattr(pool, "MAX_WAIT", 1)
    running, *waiting = [asyncio.create_task(hasher.hash("x")) for _ in range(3)]

    refused = await asyncio.gather(*waiting, return_exceptions=True)
    clock.running.set()
    monkeypatch.undo()

    assert [type(outcome) for outcome in refused] == [ServerBusy] * 2
    assert await running
    assert await accepted(hasher) == MANY


async def test_a_check_waits_in_the_same_queue() -> None:
    hasher = await make_hasher(Clock(1))

    outcomes = await asyncio.gather(*(hasher.check("x", None) for _ in range(MANY)), return_exceptions=True)

    assert len([outcome for outcome in outcomes if isinstance(outcome, ServerBusy)]) == MANY - 7


async def test_a_password_that_nobody_has_makes_no_hash_look_cheap() -> None:
    hasher = await make_hasher(Clock(1, 1, 1, 1, 1, 1, 1, 1, 1, 0))

    for password in ("x" * 129, "x" * 10**6, "\ufdfa" * 100) * 9:
        assert not (await hasher.check(password, None)).valid

    assert await accepted(hasher) == 1 + 6


async def test_a_refusal_says_when_to_come_again() -> None:
    hasher = await make_hasher(Clock(1.6))

    outcomes = await asyncio.gather(*(hasher.hash("x") for _ in range(MANY)), return_exceptions=True)

    refusal = outcomes[-1]
    assert isinstance(refusal, ServerBusy)
    assert refusal.headers == {"Retry-After": "7"}  # four wait, for 6.4 s


async def test_who_goes_away_leaves_no_place_taken() -> None:
    clock = Clock(1)
    hasher = await make_hasher(clock)
    clock.running.clear()
    tasks = [asyncio.create_task(hasher.hash("x")) for _ in range(7)]
    await asyncio.sleep(0.01)
    assert hasher.wait() == 6

    await cancel(tasks)

    assert hasher.wait() == 0
    clock.running.set()
    assert await accepted(hasher) == 7


async def cancel(tasks: list[asyncio.Task[str]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def clock(application: FastAPI) -> AsyncIterator[Clock]:
    """The clock of the application's hasher."""
    clock, kept = Clock(1), application.state.passwords
    application.state.passwords = replace(kept, hasher=await make_hasher(clock))
    yield clock
    application.state.passwords = kept


async def test_a_flood_of_logins_is_503_and_passes(client: AsyncClient, user: User, clock: Clock) -> None:
    clock.running.clear()
    logins = [asyncio.create_task(log_in(client)) for _ in range(MANY)]
    first = list(islice(asyncio.as_completed(logins, timeout=30), MANY - 7))

    refused = [await answer for answer in first]

    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["Retry-After"] for answer in refused} == {"6"}
    assert refused[0].json() == {"detail": "The server is busy. Try again later."}
    clock.running.set()
    assert sorted(answer.status_code for answer in await asyncio.gather(*logins)) == [200] * 7 + [503] * (MANY - 7)
    assert (await log_in(client)).status_code == 200


def log_in(client: AsyncClient) -> Coroutine[Any, Any, Response]:
    return client.post("/token", data={"username": "alice", "password": PASSWORD})
