"""What becomes of tasks that wait in PostgreSQL when workers die, end, or lose the database."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from procrastinate import App, PsycopgConnector
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.db import Database, DatabaseUnavailable
from app.core.settings import libpq_parameters
from app.core.tasks import database as task_database
from app.core.tasks import task
from app.core.tasks.database import TAKEOVER, DatabaseTaskQueue
from app.core.tasks.models import BackgroundJob
from app.settings import Settings
from tests.databases import needs_postgresql
from tests.queues import forget_jobs, working

pytestmark = needs_postgresql


@task
async def note(app: FastAPI, text: str, *, pause: float = 0) -> None:
    await asyncio.sleep(pause)
    app.state.notes.append(text)


@task
async def wait(app: FastAPI, name: str) -> None:
    await getattr(app.state, name).wait()
    app.state.notes.append(name)


@task(retries=0)
async def fail(app: FastAPI, times: int = 1) -> None:
    app.state.notes.append("tried")
    if len(app.state.notes) <= times:
        raise ConnectionError("no luck")


@task(cron="* * * * * *")
async def tick(app: FastAPI) -> None:
    app.state.notes.append(time.time())


class Module:
    """What of this module is in an app's `tasks`."""

    def __init__(self, **tasks: Any) -> None:
        vars(self).update(tasks)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "procrastinate")
    caplog.set_level(logging.INFO, "app")
    return caplog


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.tasks.database.TAKEOVER_CRON", "* * * * * *")
    monkeypatch.setattr("app.core.tasks.database.RECONNECT_AFTER", 0.1)


@pytest.fixture
async def app(database: Database, settings: Settings) -> AsyncIterator[FastAPI]:
    app = FastAPI()
    app.state.settings = settings.model_copy(update={"task_queue": "database"})
    app.state.database = database
    app.state.notes = []
    app.state.tasks = DatabaseTaskQueue(app, [Module(note=note, wait=wait, fail=fail)])  # type: ignore[list-item]  # as good as one
    await forget_jobs(database)
    yield app
    await forget_jobs(database)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (whatever is waited for, it has no event)
            await asyncio.sleep(0.01)


async def jobs(app: FastAPI) -> Sequence[tuple[str, str]]:
    async with app.state.database.session() as db:
        rows = await db.execute(select(BackgroundJob.task_name, BackgroundJob.status).order_by(BackgroundJob.id))
        return [tuple(row) for row in rows if row[0] != "core.take_over"]


async def until_jobs(app: FastAPI, expected: Sequence[tuple[str, str]]) -> None:
    async with asyncio.timeout(20):
        while await jobs(app) != expected:  # noqa: ASYNC110 (the database has no event)
            await asyncio.sleep(0.05)


async def execute(app: FastAPI, statement: str, **values: object) -> None:
    async with app.state.database.engine.begin() as connection:
        await connection.execute(text(statement), values)


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[App]:
    connector = PsycopgConnector(kwargs=libpq_parameters(app.state.database.engine.url), min_size=1)
    async with App(connector=connector).open_async() as queue:
        yield queue


async def take_and_die(app: FastAPI, count: int = 1) -> int:
    """Be a worker that takes so many jobs, or those that it gets, and then is not heard of for a minute."""
    async with opened(app) as queue:
        worker = await queue.job_manager.register_worker()
        taken = [await queue.job_manager.fetch_job(queues=None, worker_id=worker) for _ in range(count)]
    await execute(app, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    return sum(job is not None for job in taken)


async def take_over(app: FastAPI) -> None:
    async with opened(app) as queue:
        await task_database.take_over(SimpleNamespace(app=queue), 0)  # type: ignore[arg-type]  # all that it asks for


async def test_what_is_done_leaves_nothing(app: FastAPI) -> None:
    await app.state.tasks.send(note, "x")
    assert await jobs(app) == [("core.note", "todo")]
    async with working(app):
        await until(lambda: app.state.notes == ["x"])

    assert await jobs(app) == []


async def test_what_a_dead_worker_held_another_takes_over(app: FastAPI) -> None:
    for number in range(3):
        await app.state.tasks.send(note, str(number))
        await take_and_die(app)
    async with working(app):
        await until(lambda: sorted(app.state.notes) == ["0", "1", "2"])


async def test_a_job_that_kills_its_workers_is_given_up_and_no_other(
    app: FastAPI, log: pytest.LogCaptureFixture
) -> None:
    """The good ones die with it twice. By then it could be any of them, so each runs alone."""
    await app.state.tasks.send(fail)  # the deadly one
    for number in range(3):
        await app.state.tasks.send(note, str(number))
    for _ in range(2):
        assert await take_and_die(app, 4) == 4
        await take_over(app)
    assert await take_and_die(app, 4) == 1
    await take_over(app)

    assert "Task core.fail is given up: 3 workers died with it." in log.messages
    assert await jobs(app) == [("core.fail", "failed"), *[("core.note", "todo")] * 3]
    async with working(app):
        await until(lambda: sorted(app.state.notes) == ["0", "1", "2"])


async def test_a_takeover_that_was_killed_itself_does_not_stop_the_next(app: FastAPI) -> None:
    add = "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('default', :task, :lock)"
    await execute(app, add, task=TAKEOVER, lock=TAKEOVER)
    assert await take_and_die(app) == 1
    await app.state.tasks.send(note, "x")
    assert await take_and_die(app) == 1
    async with working(app):
        await until(lambda: app.state.notes == ["x"])


ADD = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', :task, CAST(:args AS jsonb))"


@pytest.mark.parametrize("stored", ['{"secret": "hush"}', '{"args": "hush"}', '{"sent_at": "hush"}'])
async def test_what_can_not_be_read_stops_nobody(app: FastAPI, log: pytest.LogCaptureFixture, stored: str) -> None:
    for name in ("core.fail", "core.no_such_task"):
        await execute(app, ADD, task=name, args=stored)
    async with working(app):
        await app.state.tasks.send(note, "good")
        await until(lambda: "good" in app.state.notes)
    assert "hush" not in log.text


@pytest.mark.parametrize("stored", ["[]", '"hush"', "null"])
async def test_what_are_no_arguments_is_not_taken(app: FastAPI, stored: str) -> None:
    with pytest.raises(IntegrityError):
        await execute(app, ADD, task="core.note", args=stored)


async def test_a_task_that_nobody_knows_is_named(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    @task
    async def unknown(app: FastAPI, secret: str) -> None: ...

    async with working(app):
        await app.state.tasks.send(unknown, "hush")
        await until(lambda: "Task core.unknown failed: there is no such task here." in log.messages)
    assert await jobs(app) == [("core.unknown", "failed")]
    assert "hush" not in log.text


async def test_what_has_failed_can_be_tried_again(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    async with working(app):
        await app.state.tasks.send(fail)
        await until_jobs(app, [("core.fail", "failed")])
        async with app.state.database.session() as db:
            failed = await db.scalar(select(BackgroundJob.id).where(BackgroundJob.status == "failed"))
        await app.state.tasks.retry([failed])
        await until(lambda: "Task core.fail done" in log.text)


async def test_a_job_that_is_gone_does_not_stop_the_others(app: FastAPI) -> None:
    """Two administrators may press the button at the same time."""
    async with working(app):
        await app.state.tasks.send(fail)
        await until_jobs(app, [("core.fail", "failed")])
        async with app.state.database.session() as db:
            failed = await db.scalar(select(BackgroundJob.id).where(BackgroundJob.status == "failed"))
        await app.state.tasks.retry([failed + 1_000_000, failed])
        await until_jobs(app, [])


async def test_what_has_failed_is_kept_for_a_month(app: FastAPI) -> None:
    async with working(app):
        for _ in range(2):
            await app.state.tasks.send(fail, 100)
        await until_jobs(app, [("core.fail", "failed")] * 2)
        old = "UPDATE procrastinate_events SET at = now() - interval '31 days' WHERE job_id = (SELECT min(id) FROM {})"
        await execute(app, old.format("procrastinate_jobs WHERE status = 'failed'"))
        await until_jobs(app, [("core.fail", "failed")])


async def test_a_worker_that_ends_finishes_what_it_can_and_leaves_the_rest(app: FastAPI) -> None:
    app.state.short, app.state.long = asyncio.Event(), asyncio.Event()
    for name in ("short", "long"):
        await app.state.tasks.send(wait, name)
    async with working(app, patience=3):
        await until_jobs(app, [("core.wait", "doing")] * 2)
        asyncio.get_running_loop().call_later(0.1, app.state.short.set)
    assert app.state.notes == ["short"]
    assert await jobs(app) == [("core.wait", "todo")]
    app.state.long.set()
    async with working(app):
        await until(lambda: app.state.notes == ["short", "long"])  # at once: nobody has died


async def test_of_several_workers_one_runs_a_periodic_task(app: FastAPI) -> None:
    app.state.tasks = DatabaseTaskQueue(app, [Module(tick=tick)])  # type: ignore[list-item]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(working(app))
        await until(lambda: len(app.state.notes) >= 4)
    first, *_, last = app.state.notes
    assert len(app.state.notes) <= last - first + 2  # once a second, and the last one of before they began


async def test_a_worker_outlives_a_restart_of_the_database(app: FastAPI, log: pytest.LogCaptureFixture) -> None:
    async with working(app):
        await until(lambda: "Waiting for tasks." in log.messages)
        await app.state.tasks.send(note, "before", pause=0.3)
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> {}"
        )
        await execute(app, ended.format("pg_backend_pid()"))
        await app.state.database.engine.dispose()
        await app.state.tasks.send(note, "after")
        await until(lambda: sorted(app.state.notes) == ["after", "before"])


@asynccontextmanager
async def closed(database: Database) -> AsyncIterator[None]:
    """The database loses all its connections, and takes no new ones."""
    name = database.engine.url.database
    server = create_async_engine(database.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        try:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            await connection.execute(text(ended), {"name": name})
            yield
        finally:
            await connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
            await database.engine.dispose()
    await server.dispose()


async def test_a_lost_database_is_a_warning_and_no_bug(
    app: FastAPI, database: Database, log: pytest.LogCaptureFixture
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"database_timeout": 1})
    away = "The database is away, no task runs meanwhile: "
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(None)  # as outside tests: asyncio logs errors that nobody has retrieved
    async with working(app, patience=3):
        await app.state.tasks.send(note, "meanwhile", pause=0.5)
        await until_jobs(app, [("core.note", "doing")])
        async with closed(database):
            await until(lambda: away in log.text)  # the task has ended meanwhile, and nothing can store that
        await until(lambda: log.messages.count("Waiting for tasks.") > 1)
    gc.collect()  # it does so when their tasks go
    loop.set_exception_handler(handler)
    assert not [record for record in log.records if record.levelno >= logging.ERROR]


async def test_a_worker_of_a_database_that_is_not_migrated_says_what_to_do(
    app: FastAPI, log: pytest.LogCaptureFixture
) -> None:
    renamed = "ALTER FUNCTION {} RENAME TO {}"
    known, hidden = "procrastinate_prune_stalled_workers_v1", "hidden"
    await execute(app, renamed.format(known, hidden))
    try:
        async with working(app):
            await until(lambda: "The database is not migrated" in log.text)
    finally:
        await execute(app, renamed.format(hidden, known))
    (said, *_) = [message for message in log.messages if message.startswith("The database is not migrated")]
    assert "Run `python manage.py migrate`." in said
    assert "\n" not in said


async def test_while_the_database_is_away_nothing_is_sent(app: FastAPI, database: Database) -> None:
    away = Database(database.engine.url.set(host="127.0.0.1", port=1))
    app.state.database = away
    with pytest.raises(DatabaseUnavailable):
        await app.state.tasks.send(note, "x")
    await away.dispose()


async def test_a_connection_that_was_lost_is_no_bug(app: FastAPI) -> None:
    lose = "SELECT pg_terminate_backend(pg_backend_pid())"
    async with app.state.database.session() as db, app.state.tasks.bind(db) as tasks:
        raw = await (await db.connection()).get_raw_connection()
        with pytest.raises(Exception, match="terminating connection"):
            await raw.driver_connection.execute(lose)
        with pytest.raises(DatabaseUnavailable):
            await tasks.send(note, "x")
    await app.state.tasks.send(note, "y")
    assert await jobs(app) == [("core.note", "todo")]


async def test_a_server_can_be_a_worker_too(app: FastAPI) -> None:
    app.state.settings = app.state.settings.model_copy(update={"task_worker": True})
    await app.state.tasks.start()
    await app.state.tasks.send(note, "x")
    await until(lambda: app.state.notes == ["x"])
    await app.state.tasks.stop()
