"""Background work, in the process and by workers on a real Redis."""

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from redis.asyncio import Redis
from taskiq import InMemoryBroker
from taskiq.cli.scheduler.run import CronValueError

from app.accounts import tasks as account_tasks
from app.core.cli.commands.worker import work
from app.core.db import Database
from app.core.logging import request_id
from app.core.tasks.declaration import task
from app.core.tasks.process import Clock, MemorySource, Scheduler, retry_delay
from app.core.tasks.queue import TaskQueue, Tasks
from app.core.tasks.stream import PREFIX, WorkerBroker
from app.core.tasks.worker import run_worker
from app.settings import Settings
from tests.commands import call
from tests.redis_server import RedisServer


@task
async def note(app: FastAPI, text: str, *, pause: float = 0) -> None:
    await asyncio.sleep(pause)
    app.state.notes.append(text)


@task
async def note_request(app: FastAPI) -> None:
    app.state.notes.append(request_id.get())


@task(retries=2)
async def fail(app: FastAPI, times: int, secret: str = "", *, time: float = 0, source: str = "") -> None:
    app.state.notes.append("tried")
    if app.state.notes.count("tried") <= times:
        raise ConnectionError("no luck")


@task
async def send_another(app: FastAPI) -> None:
    await app.state.tasks.send(note, "sent by a task", pause=0.1)


HERE = sys.modules[__name__]

PERIODIC = ModuleType("periodic")


@task(cron="* * * * *")
async def tick(app: FastAPI) -> None:
    app.state.notes.append("tick")


@task(cron="0 0 29 2 *")
async def leap(app: FastAPI) -> None:
    app.state.notes.append("leap")


PERIODIC.__dict__.update(tick=tick, leap=leap)
del tick, leap


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.process.TICK", 0.02)
    monkeypatch.setattr("app.core.tasks.process.FIRST_RETRY_AFTER", 0.05)
    monkeypatch.setattr("app.core.web.redis.RETRY_AFTER", 0.2)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "app")
    return caplog


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (whatever is waited for, it has no event)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(settings: Settings, redis: RedisServer | str | None = None, **changes: Any) -> AsyncIterator[FastAPI]:
    url = redis.url if isinstance(redis, RedisServer) else redis
    app = FastAPI()
    app.state.settings = settings.model_copy(update={"task_broker_url": url and SecretStr(url), **changes})
    app.state.notes = []
    app.state.tasks = TaskQueue(app, [HERE])
    await app.state.tasks.start()
    yield app
    await app.state.tasks.stop()


@asynccontextmanager
async def working(app: FastAPI, at_once: int = 10) -> AsyncIterator[None]:
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(app, at_once, stop))
    try:
        yield
    finally:
        stop.set()
        await worker


@pytest.fixture(params=["process", "redis"])
async def app(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[FastAPI]:
    """The same must hold for both."""
    if request.param == "process":
        async with serving(settings, task_takeover_seconds=1) as app:
            yield app
    else:
        async with serving(settings, request.getfixturevalue("redis"), task_takeover_seconds=1) as app, working(app):
            yield app


async def test_a_task_can_be_called_as_any_function(app: FastAPI) -> None:
    await note(app, "now")

    assert app.state.notes == ["now"]


async def test_what_is_sent_runs_later(app: FastAPI) -> None:
    await app.state.tasks.send(note, "first", pause=0.1)
    await app.state.tasks.send(note, text="second")
    assert app.state.notes == []

    await until(lambda: app.state.notes == ["second", "first"])


async def test_a_route_sends_and_its_request_is_told_in_the_log(app: FastAPI) -> None:
    @app.post("/")
    async def send(tasks: Tasks) -> None:
        named = request_id.set("r-1")
        await tasks.send(note_request)
        request_id.reset(named)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.post("/")).status_code == 200

    await until(lambda: app.state.notes == ["r-1"])


async def test_what_is_no_json_value_is_refused(app: FastAPI) -> None:
    with pytest.raises(TypeError, match="datetime is not JSON serializable"):
        await app.state.tasks.send(note, datetime.now(UTC))


async def test_what_fails_is_tried_again(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    await app.state.tasks.send(fail, 2, time=1.5, source="names that taskiq uses, too")

    await until(lambda: "Task core.fail done" in log.text)
    assert app.state.notes == ["tried"] * 3


async def test_what_always_fails_is_given_up_and_its_arguments_are_not_told(
    app: FastAPI, log: pytest.LogCaptureFixture
) -> None:
    await app.state.tasks.send(fail, 100, "hush-hush")

    await until(lambda: "Task core.fail failed, and is given up." in log.messages)
    await asyncio.sleep(0.2)
    assert app.state.notes == ["tried"] * 3
    assert [record.levelname for record in log.records if record.exc_info] == ["WARNING", "WARNING", "ERROR"]
    assert "ConnectionError: no luck" in log.text
    assert "hush" not in log.text


async def test_what_takes_too_long_has_failed(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    await app.state.tasks.send(note, "late", pause=5)

    await until(lambda: "Task core.note failed, next try in" in log.text)
    assert "TimeoutError" in log.text
    assert app.state.notes == []


async def test_wrong_arguments_are_not_tried_for_ever(
    app: FastAPI, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a release that has changed them."""
    await app.state.tasks.send(fail, count=1)

    await until(lambda: "Task core.fail failed, and is given up." in log.messages)
    assert "unexpected keyword argument 'count'" in log.text


def test_each_try_waits_longer_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.process.FIRST_RETRY_AFTER", 5)
    monkeypatch.setattr("app.core.tasks.process.uniform", lambda low, high: (low + high) / 2)

    assert [retry_delay(tries) for tries in (1, 2, 3, 4, 100)] == [5, 10, 20, 40, 3600]


# In the process.


async def test_what_is_under_way_ends_before_the_process_does(settings: Settings) -> None:
    async with serving(settings) as app:
        for number in range(50):
            await app.state.tasks.send(note, str(number), pause=0.1)
        await app.state.tasks.send(send_another)

    assert sorted(app.state.notes) == sorted([*map(str, range(50)), "sent by a task"])


async def test_what_does_not_end_in_time_is_named(
    settings: Settings, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.tasks.queue.SHUTDOWN_LIMIT", 0.2)
    monkeypatch.setattr("app.core.tasks.process.FIRST_RETRY_AFTER", 60)
    async with serving(settings) as app:
        await app.state.tasks.send(fail, 1)
        for _ in range(2):
            await app.state.tasks.send(note, "hush-hush", pause=10)

    assert log.messages[1:] == [
        "The process ends before these tasks: core.note (2).",
        "The process ends before these tasks: core.fail (1).",
    ]
    assert app.state.notes == ["tried"]


async def test_the_time_to_end_begins_with_sigterm(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits for requests first."""
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        async with serving(settings) as app:
            assert app.state.tasks.deadline() > time.monotonic() + 8.9
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert app.state.tasks.deadline() < time.monotonic() + 8.9
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]


class Clockwork(datetime):
    present = datetime.now(UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # of the plain class
        return cls.present


async def test_the_clock_sends_periodic_tasks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.process.datetime", Clockwork)
    monkeypatch.setattr(HERE, "periodic", PERIODIC.tick, raising=False)
    async with serving(settings) as app:
        await asyncio.sleep(0.1)
        assert app.state.notes == []
        monkeypatch.setattr(Clockwork, "present", Clockwork.present + timedelta(minutes=1))
        await asyncio.sleep(0.2)

    assert app.state.notes == ["tick"]


def test_a_periodic_task_is_due_once_in_each_minute_of_its_cron() -> None:
    clock = Clock([PERIODIC.tick, PERIODIC.leap], since=datetime.now(UTC) - timedelta(minutes=1))

    assert [schedule.task_name for schedule in clock.due()] == ["core.tick"]
    assert clock.due() == []


def test_a_wrong_cron_is_found_at_the_start() -> None:
    with pytest.raises(CronValueError):
        Clock([task(cron="soon")(note.function)], since=datetime.now(UTC))


async def test_what_cannot_be_sent_does_not_stop_the_clock(log: pytest.LogCaptureFixture) -> None:
    clock = Clock([PERIODIC.tick], since=datetime.now(UTC) - timedelta(minutes=1))
    scheduler = Scheduler(InMemoryBroker(), [MemorySource(clock)])  # which knows no task

    scheduler.start()
    await until(lambda: "Task core.tick could not be sent: " in log.text)
    await asyncio.sleep(0.1)
    assert log.text.count("could not be sent") == 1
    await scheduler.stop()


# On Redis.


async def test_what_was_sent_before_the_first_worker_is_not_lost(settings: Settings, redis: RedisServer) -> None:
    async with serving(settings, redis) as app:
        await app.state.tasks.send(note, "early")
        await asyncio.sleep(0.1)
        assert app.state.notes == []
        async with working(app):
            await until(lambda: app.state.notes == ["early"])


async def test_redis_keeps_nothing_of_what_is_done(settings: Settings, redis: RedisServer) -> None:
    async with serving(settings, redis) as app, working(app, 2):
        for number in range(20):
            await app.state.tasks.send(note, str(number))
        await app.state.tasks.send(fail, 1)
        await until(lambda: len(app.state.notes) == 22)
    async with Redis.from_url(redis.url) as client:
        keys = await client.keys()
        assert await client.xlen(PREFIX) == 0
        assert (await client.xpending(PREFIX, "workers"))["pending"] == 0
        assert {key for key in keys if await client.ttl(key) == -1} == {PREFIX.encode()}


async def test_a_worker_takes_no_more_than_it_runs(settings: Settings, redis: RedisServer) -> None:
    async with serving(settings, redis) as app, working(app, 1), Redis.from_url(redis.url) as client:
        for pause in (0.3, 0):
            await app.state.tasks.send(note, str(pause), pause=pause)
        await asyncio.sleep(0.2)
        assert (await client.xpending(PREFIX, "workers"))["pending"] == 1
        await until(lambda: app.state.notes == ["0.3", "0"])


async def hold_one(app: FastAPI) -> None:
    """Be a worker that takes a task and is killed."""
    broker = WorkerBroker(app.state.settings, asyncio.Event())
    listening = broker.listen()
    await anext(listening)
    await listening.aclose()
    await broker.shutdown()


async def test_what_a_killed_worker_held_another_takes_over_though_nothing_new_comes(
    settings: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.tasks.stream.BLOCK", 0.2)
    async with serving(settings, redis, task_takeover_seconds=1) as app:
        for number in range(3):
            await app.state.tasks.send(note, str(number))
            await hold_one(app)
        started = time.monotonic()
        async with working(app):
            await until(lambda: sorted(app.state.notes) == ["0", "1", "2"])

    assert time.monotonic() - started > 0.5


async def test_what_no_worker_finishes_is_given_up(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.tasks.stream.BLOCK", 0.2)
    monkeypatch.setattr("app.core.tasks.stream.MAX_DELIVERIES", 1)
    async with serving(settings, redis, task_takeover_seconds=1) as app:
        await app.state.tasks.send(note, "deadly")
        await hold_one(app)
        async with working(app):
            await until(lambda: "Task core.note is given up: 1 workers have not finished it." in log.messages)
        assert app.state.notes == []
        async with Redis.from_url(redis.url) as client:
            await until_empty(client)


async def until_empty(client: Redis) -> None:
    async with asyncio.timeout(5):
        while await client.xlen(PREFIX):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_worker_that_ends_finishes_what_it_has_begun_and_leaves_the_rest(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.tasks.queue.SHUTDOWN_LIMIT", 0.5)
    monkeypatch.setattr("app.core.tasks.stream.BLOCK", 0.2)
    async with serving(settings, redis) as app:
        async with working(app, 2):
            for pause in (0.3, 0.8, 0):
                await app.state.tasks.send(note, str(pause), pause=pause)
            await asyncio.sleep(0.1)
        assert app.state.notes == ["0.3"]
        assert "The process ends before these tasks: core.note (1)." in log.messages
        async with working(app):
            await until(lambda: app.state.notes == ["0.3", "0", "0.8"])  # at once: nobody was killed


async def test_a_worker_ends_though_its_cancellation_is_lost(
    settings: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As happens in redis-py before Python 3.12, where an answer comes at the same time."""
    stop = asyncio.Event()
    broker = WorkerBroker(settings.model_copy(update={"task_broker_url": SecretStr(redis.url)}), stop)
    lost: list[object] = []

    async def read(*_: Any, **__: Any) -> list[Any]:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError as cancellation:
            if lost:
                raise
            lost.append(cancellation)
        return []

    monkeypatch.setattr(broker.redis, "xreadgroup", read)
    listening = asyncio.create_task(anext(broker.listen()))
    await asyncio.sleep(0.2)
    stop.set()
    listening.cancel()
    await asyncio.wait([listening], timeout=2)
    await broker.shutdown()

    assert lost
    assert listening.done()
    assert isinstance(listening.exception(), StopAsyncIteration)


async def test_of_several_workers_one_sends_what_is_due(
    settings: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HERE, "periodic", PERIODIC.tick, raising=False)
    async with serving(settings, redis) as app, working(app), working(app), working(app):
        await app.state.tasks.send(fail, 2)
        await until(lambda: app.state.notes.count("tried") == 3 and "tick" in app.state.notes)
        await asyncio.sleep(0.3)

    assert app.state.notes.count("tried") == 3
    assert app.state.notes.count("tick") <= 2  # a minute may have begun meanwhile


async def test_what_a_worker_does_not_know_is_not_tried_for_ever(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    async def unknown(app: FastAPI, secret: str) -> None: ...

    monkeypatch.setattr("app.core.tasks.process.RETRIES", 1)
    async with serving(settings, redis) as app, working(app):
        await app.state.tasks.send(unknown, "hush-hush")
        await until(lambda: "Task core.unknown failed, and is given up." in log.messages)
        await app.state.tasks.send(note, "next")
        await until(lambda: app.state.notes == ["next"])

    assert "hush" not in log.text


@pytest.mark.parametrize("entry", [{"data": "hush-hush"}, {"data": b"\xff"}, {"data": "[]"}, {"other": "hush-hush"}])
async def test_what_is_no_task_is_taken_out(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture, entry: dict[Any, Any]
) -> None:
    async with serving(settings, redis) as app, working(app), Redis.from_url(redis.url) as client:
        await client.xadd(PREFIX, entry)
        await until_empty(client)

    assert "What is no task was taken out of the queue." in log.messages
    assert "hush" not in log.text


async def test_dead_workers_are_forgotten_but_not_what_they_held(
    settings: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(settings, redis) as app, Redis.from_url(redis.url) as client:
        for _ in range(3):
            async with working(app):
                await app.state.tasks.send(note, "x")
                await until_empty(client)
        await app.state.tasks.send(note, "held")
        await hold_one(app)
        consumers = await client.xinfo_consumers(PREFIX, "workers")
        assert [consumer["pending"] for consumer in consumers].count(0) == 3

        monkeypatch.setattr("app.core.tasks.stream.FORGET_CONSUMERS_AFTER", 0)
        async with working(app):
            await asyncio.sleep(0.2)
            remaining = [consumer["name"] for consumer in await client.xinfo_consumers(PREFIX, "workers")]

    assert [consumer["pending"] for consumer in consumers if consumer["name"] in remaining] == [1]


async def test_while_the_broker_is_away_tasks_run_in_the_process(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture
) -> None:
    async with serving(settings, redis) as app:
        redis.stop()
        for number in range(10):
            await app.state.tasks.send(note, str(number))
        await until(lambda: len(app.state.notes) == 10)
        assert app.state.tasks.broker_is_away
        (warning,) = [record.getMessage() for record in log.records if record.levelname == "WARNING"]
        assert warning.startswith("The task broker is away, tasks run in this process: ")

        redis.start()
        await asyncio.sleep(0.25)
        await app.state.tasks.send(note, "for a worker")
        assert not app.state.tasks.broker_is_away
        assert log.messages[-1] == "The task broker is back."
        async with Redis.from_url(redis.url) as client:
            assert await client.xlen(PREFIX) == 1

    assert len(app.state.notes) == 10


async def test_a_broker_that_does_not_answer_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.web.redis.TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        async with serving(settings, f"redis://127.0.0.1:{silent.getsockname()[1]}") as app:
            started = time.monotonic()
            await asyncio.gather(*(app.state.tasks.send(note, "x") for _ in range(200)))
            assert time.monotonic() - started < 5  # s; 20, if each waited

    assert len(app.state.notes) == 200


async def test_a_worker_outlives_its_broker(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture
) -> None:
    async with serving(settings, redis) as app, working(app):
        await app.state.tasks.send(note, "before", pause=0.3)
        await asyncio.sleep(0.1)
        redis.stop()
        await until(lambda: app.state.notes == ["before"])
        await until(lambda: "How a task ended could not be noted, so it will run again:" in log.text)

        redis.start()  # with no data
        await asyncio.sleep(0.5)
        await app.state.tasks.send(note, "after")
        await until(lambda: app.state.notes == ["before", "after"])

    away, _, back = [message for message in log.messages if "broker" in message or "noted" in message]
    assert away.startswith("The task broker is away, no task runs meanwhile: ")
    assert back == "The task broker is back."


async def test_a_worker_waits_for_its_broker(
    settings: Settings, redis: RedisServer, log: pytest.LogCaptureFixture
) -> None:
    redis.stop()
    async with serving(settings, redis) as app, working(app):
        await until(lambda: "The task broker is away, no task runs meanwhile" in log.text)
        redis.start()
        await until(lambda: "The task broker is back." in log.messages)
        await app.state.tasks.send(note, "x")
        await until(lambda: app.state.notes == ["x"])


async def test_the_command_works_until_it_gets_sigterm(
    settings: Settings, database: Database, redis: RedisServer, log: pytest.LogCaptureFixture
) -> None:
    from app.main import create_app

    app = create_app(settings.model_copy(update={"task_broker_url": SecretStr(redis.url)}))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        working = asyncio.create_task(work(app, concurrency=2))
        await until(lambda: "Waiting for tasks." in log.messages)
        await app.state.tasks.send(account_tasks.flush_expired_sessions)
        await until(lambda: "Task accounts.flush_expired_sessions done" in log.text)
        signal.raise_signal(signal.SIGTERM)
        await working
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


async def test_a_worker_needs_a_broker() -> None:
    outcome = await call("worker")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("TASK_BROKER_URL is empty")
    assert "\n" not in outcome.err
