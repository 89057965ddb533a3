"""Background work, in the process and by workers on PostgreSQL."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group
from app.core.audit import Actor, acting, place
from app.core.db import Database, Db
from app.core.logging import request_id
from app.core.registry import StartError
from app.core.tasks import TaskQueue, Tasks, task
from app.core.tasks.process import ProcessTaskQueue
from app.core.tasks.queue import Job
from app.settings import Settings
from tests.commands import call
from tests.databases import needs_postgresql
from tests.queues import begin_queue

ACTOR = Actor(uuid4(), "alice")


@task
async def note(app: FastAPI, text: str, *, pause: float = 0) -> None:
    await asyncio.sleep(pause)
    app.state.notes.append(text)


@task
async def note_cause(app: FastAPI) -> None:
    app.state.notes.append((request_id.get(), acting.get(), place.get()))


@task(retries=2)
async def fail(app: FastAPI, times: int, secret: str = "", *, sent_at: float = 0, actor: str = "") -> None:
    app.state.notes.append("tried")
    if app.state.notes.count("tried") <= times:
        raise ConnectionError("no luck")


@task(retries=0)
async def end_process(app: FastAPI) -> None:
    raise SystemExit(3)


@task(retries=0, timeout=timedelta(seconds=0.1))
async def hang(app: FastAPI) -> None:
    await asyncio.sleep(60)


@task
async def send_another(app: FastAPI) -> None:
    await app.state.tasks.send(note, "sent by a task", pause=0.1)


HERE = sys.modules[__name__]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.queue.FIRST_RETRY_AFTER", 0.05)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "app")
    return caplog


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (whatever is waited for, it has no event)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(database: Database, settings: Settings, kind: str, *modules: ModuleType) -> AsyncIterator[FastAPI]:
    app = FastAPI()
    app.state.settings = settings.model_copy(update={"task_queue": kind})
    app.state.database = database
    app.state.notes = []
    async with begin_queue(app, modules or (HERE,)):
        yield app


@pytest.fixture(params=["process", pytest.param("database", marks=needs_postgresql)])
async def app(request: pytest.FixtureRequest, database: Database, settings: Settings) -> AsyncIterator[FastAPI]:
    """The same must hold for both."""
    async with serving(database, settings, request.param) as app:
        yield app


@pytest.fixture
async def in_process(database: Database, settings: Settings) -> AsyncIterator[FastAPI]:
    async with serving(database, settings, "process") as app:
        yield app


async def all_done(app: FastAPI) -> list[Any]:
    """Return what was noted, once a task has run that was sent after all others."""
    await app.state.tasks.send(note, "last")
    await until(lambda: "last" in app.state.notes)
    app.state.notes.remove("last")
    notes: list[Any] = app.state.notes
    return notes


async def test_a_task_can_be_called_as_any_function(app: FastAPI) -> None:
    await note(app, "now")

    assert app.state.notes == ["now"]


async def test_what_is_sent_runs_later(app: FastAPI) -> None:
    await app.state.tasks.send(note, "first", pause=0.2)
    await app.state.tasks.send(note, text="second")
    assert app.state.notes == []

    await until(lambda: app.state.notes == ["second", "first"])


async def test_what_is_no_json_value_is_refused(app: FastAPI) -> None:
    with pytest.raises(TypeError, match="datetime is not JSON serializable"):
        await app.state.tasks.send(note, datetime.now(UTC))
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        await app.state.tasks.send(note, "x", pause=float("nan"))


async def test_the_request_and_the_actor_go_along(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    async def request() -> None:
        request_id.set("r-1")
        acting.set(ACTOR)
        place.set("192.0.2.1")
        await app.state.tasks.send(note_cause)

    await asyncio.create_task(request())

    await until(lambda: "Task core.note_cause done" in log.text)
    assert app.state.notes == [("r-1", ACTOR, "192.0.2.1")]
    assert [vars(record)["actor"] for record in log.records if "note_cause" in record.getMessage()] == ["alice"]


async def test_what_fails_is_tried_again(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    await app.state.tasks.send(fail, 2, sent_at=1.5, actor="names that the queue uses, too")

    await until(lambda: "Task core.fail done" in log.text)
    assert app.state.notes == ["tried"] * 3


async def test_what_always_fails_is_given_up_and_its_arguments_are_not_told(
    app: FastAPI, log: pytest.LogCaptureFixture
) -> None:
    await app.state.tasks.send(fail, 100, "hush-hush")

    await until(lambda: "Task core.fail failed, and is given up." in log.messages)
    assert await all_done(app) == ["tried"] * 3
    assert [record.levelname for record in log.records if record.exc_info] == ["WARNING", "WARNING", "ERROR"]
    assert "ConnectionError: no luck" in log.text
    assert "hush" not in log.text


async def test_wrong_arguments_stop_nobody(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    """As after a release that has changed them."""
    await app.state.tasks.send(fail, count=1)

    await until(lambda: "Task core.fail failed, and is given up." in log.messages)
    assert "unexpected keyword argument 'count'" in log.text
    assert await all_done(app) == []


async def test_a_task_that_would_end_its_process_stops_nobody(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    await app.state.tasks.send(end_process)

    await until(lambda: "Task core.end_process failed, and is given up." in log.messages)
    assert await all_done(app) == []


async def test_a_task_that_takes_too_long_has_failed(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    await app.state.tasks.send(hang)

    await until(lambda: "Task core.hang failed, and is given up." in log.messages)


def delays(job: Job) -> list[float | None]:
    return [job.retry_after(ConnectionError(), tries) for tries in range(1, 20)]


@pytest.fixture
def _usual_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.queue.FIRST_RETRY_AFTER", 10)
    monkeypatch.setattr("app.core.tasks.queue.uniform", lambda low, high: (low + high) / 2)


@pytest.mark.usefixtures("_usual_delays")
def test_each_try_waits_longer_but_not_for_ever() -> None:
    longest = 4 * 3600
    doubled = [10 * 2**number for number in range(11)]

    assert delays(Job(task(note.function))) == [*doubled, *[longest] * 4, *[None] * 4]
    assert sum(doubled) + 4 * longest < 24 * 3600


@pytest.mark.usefixtures("_usual_delays")
def test_no_try_comes_after_the_life_of_what_is_sent() -> None:
    job = Job(task(retry_for=timedelta(hours=1))(note.function), sent_at=time.time() - 3600 + 45)

    assert delays(job)[:4] == [10, 20, 40, None]


# In a transaction.

ROUTES: dict[str, tuple[list[str], bool]] = {
    "before the commit": (["send", "commit"], True),
    "after the commit": (["change", "commit", "send"], True),
    "after a change, without a commit": (["change", "send"], True),
    "after reading only": (["read", "send"], True),
    "alone": (["send"], True),
    "before a rollback": (["change", "send", "rollback"], False),
    "before an error": (["change", "send", "fail"], False),
    "before an error, after a commit": (["change", "send", "commit", "fail"], True),
    "before a commit that fails": (["change twice", "send", "commit"], False),
    "in a savepoint": (["change", "savepoint send", "commit"], True),
    "in a savepoint that is rolled back": (["change", "savepoint send fail", "commit"], False),
    "in a savepoint of a transaction that is rolled back": (["change", "savepoint send", "rollback"], False),
}


async def act(db: AsyncSession, tasks: TaskQueue, step: str) -> None:
    match step.split():
        case ["read"]:
            await db.scalar(select(Group.id))
        case ["change", *twice]:
            db.add_all([Group(name="editors") for _ in range(1 + len(twice))])
        case ["send"]:
            await tasks.send(note, "sent")
        case ["commit"]:
            await db.commit()
        case ["rollback"]:
            await db.rollback()
        case ["fail"]:
            raise HTTPException(409)
        case ["savepoint", *steps]:
            try:
                async with db.begin_nested():
                    for each in steps:
                        await act(db, tasks, each)
            except HTTPException:
                pass


@pytest.mark.parametrize("when", ROUTES)
async def test_what_a_route_sends_runs_after_the_commit_and_never_after_a_rollback(app: FastAPI, when: str) -> None:
    steps, is_sent = ROUTES[when]

    @app.post("/")
    async def route(db: Db, tasks: Tasks) -> None:
        for step in steps:
            await act(db, tasks, step)

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.post("/")

    assert await all_done(app) == ["sent"] * is_sent
    if is_sent and "change" in steps:
        async with app.state.database.session() as db:
            assert await db.scalar(select(Group.name)) == "editors"


async def test_what_is_sent_in_a_transaction_waits_for_its_end(app: FastAPI) -> None:
    async with app.state.database.session() as db, app.state.tasks.bind(db) as tasks:
        db.add(Group(name="editors"))
        await tasks.send(note, "sent")
        assert await all_done(app) == []
        await db.commit()
        await until(lambda: app.state.notes == ["sent"])


async def test_a_block_that_ends_with_an_error_sends_nothing(app: FastAPI) -> None:
    async def fail_midway() -> None:
        async with app.state.database.session() as db, app.state.tasks.bind(db) as tasks:
            db.add(Group(name="editors"))
            await tasks.send(note, "sent")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await fail_midway()

    assert await all_done(app) == []


# In the process.


async def test_what_is_under_way_ends_before_the_process_does(database: Database, settings: Settings) -> None:
    async with serving(database, settings, "process") as app:
        for number in range(50):
            await app.state.tasks.send(note, str(number), pause=0.1)
        await app.state.tasks.send(send_another)

    assert sorted(app.state.notes) == sorted([*map(str, range(50)), "sent by a task"])


async def test_what_does_not_end_in_time_is_named(
    database: Database, settings: Settings, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.tasks.process.SHUTDOWN_LIMIT", 0.2)
    monkeypatch.setattr("app.core.tasks.queue.FIRST_RETRY_AFTER", 60)
    async with serving(database, settings, "process") as app:
        await app.state.tasks.send(fail, 1)
        for _ in range(2):
            await app.state.tasks.send(note, "hush-hush", pause=10)

    assert log.messages[1:] == ["The process ends before these tasks: core.fail (1), core.note (2)."]
    assert app.state.notes == ["tried"]


async def test_the_time_to_end_begins_with_sigterm(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits for requests first."""
    monkeypatch.setattr("app.core.tasks.process.SHUTDOWN_LIMIT", 0.3)
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        async with serving(database, settings, "process") as app:
            await app.state.tasks.send(note, "late", pause=0.5)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.35)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]
    assert app.state.notes == []


def periodic(cron: str) -> ModuleType:
    module = ModuleType("periodic")

    @task(cron=cron)
    async def tick(app: FastAPI) -> None:
        app.state.notes.append("tick")

    vars(module)["tick"] = tick
    return module


@pytest.mark.parametrize("kind", ["process", pytest.param("database", marks=needs_postgresql)])
async def test_the_clock_sends_periodic_tasks(database: Database, settings: Settings, kind: str) -> None:
    """The sixth field are seconds."""
    async with serving(database, settings, kind, periodic("* * * * * *"), HERE) as app:
        await until(lambda: app.state.notes.count("tick") == 2)


async def test_a_periodic_task_that_is_not_due_does_not_run(in_process: FastAPI) -> None:
    async with begin_queue(in_process, (periodic("0 0 29 2 *"), HERE)):
        assert await all_done(in_process) == []


def test_a_task_that_another_module_imports_is_one_task() -> None:
    assert ProcessTaskQueue(FastAPI(), [HERE, HERE]).tasks.count(note) == 1


@pytest.mark.parametrize("cron", ["soon", "0 3 * *", "0 3 31 2 *"])
def test_a_cron_that_no_time_fits_is_found_at_the_start(cron: str) -> None:
    with pytest.raises(StartError) as refusal:
        ProcessTaskQueue(FastAPI(), [periodic(cron)])

    named = f"The cron of the task core.tick is {cron!r}, and no time fits it; write one such as '0 3 * * *'."
    assert str(refusal.value) == named


async def test_a_clock_that_stops_says_so(in_process: FastAPI, log: pytest.LogCaptureFixture) -> None:
    """A cron with a year is right until this year is over."""
    queue = in_process.state.tasks
    queue.tasks = [vars(periodic("* * * * * 0 2020"))["tick"]]

    await queue.start()

    await until(lambda: "The clock of the task core.tick has stopped" in log.text)
    assert [record.levelname for record in log.records if record.exc_info] == ["ERROR"]


async def test_a_worker_needs_the_database() -> None:
    outcome = await call("worker")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "TASK_QUEUE is process, so the servers run the tasks; a worker needs TASK_QUEUE=database."
