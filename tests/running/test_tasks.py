"""Background work of a rendered project: real servers and workers, killed, stopped and left without a database."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.kit.servers import RUNSERVER, START_LIMIT, PostgreSQL, Server, server, terminate
from tests.kit.services import PASSWORD, USERNAME, Service, accepted, connect, create_superuser, serve, wait_until, work

TASKS = """
import asyncio
import os
import signal
import time

from fastapi import FastAPI

from app.core.tasks import task
from app.core.settings import BASE_DIR


@task
async def write(app: FastAPI, entry: int, pause: float) -> None:
    await asyncio.sleep(pause)
    with (BASE_DIR / "diary.txt").open("a") as diary:
        diary.write(f"{entry}\\n")


@task(retries=0)
async def write_if_allowed(app: FastAPI, entry: int) -> None:
    if not (BASE_DIR / "allowed").exists():
        raise PermissionError
    await write(app, entry, 0)


@task
async def kill_worker(app: FastAPI) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
"""

CLOCK = """

@task(cron="* * * * * *")
async def tick(app: FastAPI) -> None:
    await write(app, int(time.time()), 0)
"""

ROUTES = """
from fastapi import APIRouter

from app.accounts.models import Group
from app.core.db import Db
from app.core.tasks import Tasks
from app.diary.tasks import kill_worker, write, write_if_allowed

router = APIRouter()


@router.post("/diary")
async def send(tasks: Tasks, count: int, pause: float) -> None:
    for entry in range(count):
        await tasks.send(write, entry, pause)


@router.post("/diary/broken")
async def send_and_fail(tasks: Tasks, db: Db) -> None:
    db.add(Group(name="editors"))
    await tasks.send(write, 7, 0)
    raise ConnectionError


@router.post("/diary/forbidden")
async def send_forbidden(tasks: Tasks) -> None:
    await tasks.send(write_if_allowed, 8)


@router.post("/diary/deadly")
async def send_deadly(tasks: Tasks) -> None:
    await tasks.send(kill_worker)
"""


@pytest.fixture
def diary(copy: Service) -> Service:
    """A project with a task that writes a line into a file, after a pause."""
    app = copy.project / "app" / "diary"
    app.mkdir()
    for name, text in {"__init__": "", "tasks": TASKS, "routes": ROUTES}.items():
        (app / f"{name}.py").write_text(text, encoding="utf-8")
    copy.manage("migrate")
    return copy


@pytest.fixture
def waiting(diary: Service, cluster: PostgreSQL, tmp_path: Path) -> Service:
    """The same, with tasks that wait in PostgreSQL."""
    service = diary.with_env(DATABASE_URL=cluster.create_database(tmp_path.name), TASK_QUEUE="database")
    service.manage("migrate")
    return service


def entries(diary: Service) -> list[int]:
    """What has been written, in order."""
    path = diary.project / "diary.txt"
    return [int(line) for line in path.read_text(encoding="utf-8").split()] if path.exists() else []


def send(served: Server, count: int, pause: float = 0) -> None:
    with connect(served) as client:
        client.post("/diary", params={"count": count, "pause": pause}).raise_for_status()


# In the server's process.


def test_a_server_that_gets_sigterm_finishes_what_is_under_way(diary: Service) -> None:
    with serve(diary) as served:
        send(served, 20, pause=2)
        assert entries(diary) == []
        terminate(served)
    assert sorted(entries(diary)) == list(range(20))


def test_a_server_that_gets_sigterm_says_what_it_cannot_finish_in_time(diary: Service) -> None:
    """Requests come first: here one keeps it waiting as long as it may."""
    with serve(diary) as served, accepted(served, b"never sent"):
        send(served, 3, pause=40)
        terminate(served)
        assert "The process ends before these tasks: diary.write (3)." in served.log()


# In PostgreSQL. `test_mail_flows` kills a worker.


def test_a_server_that_gets_sigterm_loses_no_task(waiting: Service) -> None:
    with serve(waiting) as served:
        send(served, 20, pause=0.1)
        terminate(served)
    assert entries(waiting) == []
    with work(waiting):
        wait_until(lambda: sorted(entries(waiting)) == list(range(20)))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun(waiting: Service, end: signal.Signals) -> None:
    with serve(waiting) as served:
        with work(waiting, "--concurrency", "5") as worker:
            send(served, 10, pause=1)
            time.sleep(0.5)
            worker.process.send_signal(end)
            assert worker.process.wait(10) == 0
        assert sorted(entries(waiting)) == list(range(5))
        with work(waiting):
            wait_until(lambda: sorted(entries(waiting)) == list(range(10)))


def test_a_worker_that_is_told_to_end_leaves_what_takes_too_long(
    waiting: Service, cluster: PostgreSQL, tmp_path: Path
) -> None:
    def statuses() -> list[str]:
        jobs = "SELECT status FROM procrastinate_jobs WHERE task_name = 'diary.write'"
        return cluster.query(jobs, tmp_path.name).split()

    with serve(waiting) as served, work(waiting) as worker:
        send(served, 3, pause=12)
        wait_until(lambda: statuses() == ["doing"] * 3)
        terminate(worker)
        assert statuses() == ["todo"] * 3


def test_what_a_failing_request_sends_does_not_run(waiting: Service) -> None:
    with serve(waiting) as served, work(waiting), connect(served) as client:
        assert client.post("/diary/broken").status_code == 500
        send(served, 1)
        wait_until(lambda: entries(waiting) == [0])


def test_a_task_that_kills_its_worker_does_not_stop_another(waiting: Service) -> None:
    with serve(waiting) as served, connect(served) as client:
        client.post("/diary/deadly").raise_for_status()
        send(served, 20)
        with work(waiting, "--concurrency", "1") as first:
            first.process.wait(START_LIMIT)
        assert entries(waiting) == []
        with work(waiting, "--concurrency", "1"):
            wait_until(lambda: sorted(entries(waiting)) == list(range(20)))


def test_of_two_workers_one_runs_a_periodic_task(waiting: Service) -> None:
    with (waiting.project / "app" / "diary" / "tasks.py").open("a", encoding="utf-8") as tasks:
        tasks.write(CLOCK)
    with work(waiting), work(waiting):
        wait_until(lambda: len(entries(waiting)) >= 6)
    first, *_, last = entries(waiting)
    assert len(entries(waiting)) <= last - first + 3  # once a second, the last one of before they began, and rounding


def test_what_has_failed_is_tried_again_on_the_admin_site(waiting: Service) -> None:
    create_superuser(waiting)
    with serve(waiting) as served, work(waiting) as worker, connect(served) as client:
        client.post("/diary/forbidden").raise_for_status()
        worker.log_until("Task diary.write_if_allowed failed, and is given up.")
        (waiting.project / "allowed").touch()
        assert client.post("/admin/login", data={"username": USERNAME, "password": PASSWORD}).status_code == 303
        page = client.get("/admin/background-job/list", params={"status": "failed"}).raise_for_status().text
        (job,) = re.findall(r"/admin/background-job/details/(\d+)", page)
        assert client.post("/admin/background-job/action/retry", params={"pks": job}).status_code == 303
        wait_until(lambda: entries(waiting) == [8])


def test_tasks_wait_behind_a_pooler_too(waiting: Service, pooler: str, tmp_path: Path) -> None:
    """It shares out connections by the transaction, so a worker hears of nothing and asks every few seconds."""
    pooled = waiting.with_env(DATABASE_URL=f"{pooler}/{tmp_path.name}")
    with serve(pooled) as served, work(pooled):
        send(served, 20)
        wait_until(lambda: sorted(entries(pooled)) == list(range(20)))
        send(served, 20)
        wait_until(lambda: sorted(entries(pooled)) == sorted([*range(20)] * 2))


def test_runserver_is_a_worker_itself(waiting: Service) -> None:
    with server(waiting.project, waiting.python, waiting.env, RUNSERVER) as served:
        send(served, 20)
        wait_until(lambda: sorted(entries(waiting)) == list(range(20)))
        send(served, 1, pause=30)
        terminate(served)


def test_a_worker_outlives_its_database(waiting: Service, cluster: PostgreSQL) -> None:
    with serve(waiting) as served, work(waiting) as worker:
        send(served, 1, pause=2)
        worker.log_until("Waiting for tasks.")
        cluster.stop()
        try:
            worker.log_until("The database is away, no task runs meanwhile: ")
        finally:
            cluster.start()

        def has_sent() -> bool:
            with connect(served) as client:
                return client.post("/diary", params={"count": 1, "pause": 0}).is_success

        wait_until(has_sent)
        wait_until(lambda: len(entries(waiting)) >= 2, limit=60)  # the first task ends while the database is away
        assert "Traceback" not in served.log()
