"""Background work of a rendered project: real servers and workers, killed, stopped and left without a broker."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers import START_LIMIT, Redis, Server, redis_or_skip, terminate
from tests.services import Service, accepted, connect, serve, work

TASKS = """
import asyncio

from fastapi import FastAPI

from app.core.tasks import task
from app.core.settings import BASE_DIR


@task
async def write(app: FastAPI, entry: int, pause: float) -> None:
    await asyncio.sleep(pause)
    with (BASE_DIR / "diary.txt").open("a") as diary:
        diary.write(f"{entry}\\n")
"""

ROUTES = """
from fastapi import APIRouter

from app.core.tasks import Tasks
from app.diary.tasks import write

router = APIRouter()


@router.post("/diary")
async def send(tasks: Tasks, count: int, pause: float) -> None:
    for entry in range(count):
        await tasks.send(write, entry, pause)
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


def entries(diary: Service) -> list[int]:
    """What has been written, in order."""
    path = diary.project / "diary.txt"
    return [int(line) for line in path.read_text(encoding="utf-8").split()] if path.exists() else []


def send(served: Server, count: int, pause: float = 0) -> None:
    with connect(served) as client:
        client.post("/diary", params={"count": count, "pause": pause}).raise_for_status()


def wait_until(condition: Callable[[], bool], limit: float = START_LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def redis() -> Iterator[Redis]:
    with redis_or_skip() as redis:
        yield redis


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


def test_what_a_killed_worker_held_another_does(diary: Service, redis: Redis) -> None:
    shared = diary.with_env(TASK_BROKER_URL=redis.url, TASK_TAKEOVER_SECONDS="3")
    with serve(shared) as served:
        with work(shared, "--concurrency", "100") as first:
            for pause in (0.5, 2.5):
                send(served, 50, pause)
            wait_until(lambda: len(entries(shared)) >= 10)
            first.kill()
        done = len(entries(shared))
        assert 10 <= done < 100
        with work(shared):
            wait_until(lambda: sorted(set(entries(shared))) == list(range(50)) and len(entries(shared)) >= 100)
        assert "Traceback" not in served.log()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun(
    diary: Service, redis: Redis, end: signal.Signals
) -> None:
    shared = diary.with_env(TASK_BROKER_URL=redis.url)
    with serve(shared) as served:
        with work(shared, "--concurrency", "5") as worker:
            send(served, 10, pause=1)
            time.sleep(0.5)
            worker.process.send_signal(end)
            assert worker.process.wait(10) == 0
        assert sorted(entries(shared)) == list(range(5))
        with work(shared):
            wait_until(lambda: sorted(entries(shared)) == list(range(10)))


def test_while_the_broker_is_away_answers_go_out_and_tasks_run(diary: Service, redis: Redis) -> None:
    shared = diary.with_env(TASK_BROKER_URL=redis.url)
    with serve(shared) as served, work(shared) as worker:
        redis.kill()
        started = time.monotonic()
        send(served, 10)
        assert time.monotonic() - started < 3
        wait_until(lambda: sorted(entries(shared)) == list(range(10)))
        assert "Task diary.write done" not in worker.log()
        assert served.log().count("The task broker is away") == 1

        def has_one_for_the_worker() -> bool:
            send(served, 1)
            return "Task diary.write done" in worker.log()

        redis.start()
        wait_until(has_one_for_the_worker)
        assert served.log().count("The task broker is back.") == 1
        assert "Traceback" not in served.log() + worker.log()
