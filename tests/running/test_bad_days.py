"""Bad days: the server is killed or told to end under load, and the services that it needs go away and come back.

docs/monitoring.md of a project tells operators about them.
"""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psutil
import pytest

from tests.kit.loads import CLIENTS, LIMIT, Ask, Load, assert_unavailable, get, load
from tests.kit.mailing import recipients
from tests.kit.servers import (
    PostgreSQL,
    Redis,
    Server,
    free_port,
    postgresql_or_skip,
    redis_or_skip,
    smtp_server,
    terminate,
)
from tests.kit.services import (
    PASSWORD,
    Service,
    accepted,
    add_user,
    bearer,
    connect,
    log_in,
    prepare,
    register,
    serve,
    token_of,
    wait_until,
    work,
)

REGISTRATIONS, KILL_AFTER = 500, 100
LOGINS = 50
OUTAGE = 5  # s
HEALED_WITHIN = 2  # s, after the database takes connections again
OTHER_USER = "grace"
CHEAP = {"BCRYPT_ROUNDS": "4", "MAIL_THROTTLE": "1000/hour"}  # hashes are not the subject


@pytest.fixture(scope="module")
def shaky() -> Iterator[PostgreSQL]:
    """A cluster that nobody else uses, because tests stop it."""
    with postgresql_or_skip() as shaky:
        yield shaky


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with redis_or_skip() as redis:
        yield redis


@pytest.fixture(scope="module")
def unsure(plain: Service, shaky: PostgreSQL) -> Service:
    return prepare(plain.with_env(DATABASE_URL=shaky.create_database("unsure"), **CHEAP))


# The server's process.


def registered_until_killed(service: Service) -> list[str]:
    """Kill the server while it registers users. Return the names that it confirmed."""
    told: list[str] = []

    def try_to_register(name: str) -> None:
        with suppress(httpx.TransportError):  # the server is killed
            answer = register(client, name)
            if answer.status_code == 201:
                told.append(name)
            else:  # an SQLite file has one writer at a time, and another one may wait too long
                assert_unavailable(answer)

    with serve(service) as served, connect(served) as client, ThreadPoolExecutor(CLIENTS) as threads:
        asked = [threads.submit(try_to_register, f"user{number}") for number in range(REGISTRATIONS)]
        wait_until(lambda: len(told) >= KILL_AFTER)
        served.kill()
    for each in asked:
        each.result()
    assert len(told) < REGISTRATIONS
    return told


def assert_can_log_in(service: Service, names: list[str]) -> None:
    with serve(service) as served, connect(served) as client:
        assert [name for name in names if log_in(client, name).status_code != 200] == []


def test_who_was_told_to_be_registered_is_so_after_a_kill(plain: Service, tmp_path: Path) -> None:
    service = plain.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3", **CHEAP)
    service.manage("migrate")
    assert_can_log_in(service, registered_until_killed(service))


def test_who_was_told_to_be_registered_gets_the_mail_too_where_tasks_are_kept(
    plain: Service, shaky: PostgreSQL
) -> None:
    with smtp_server() as post_office:
        env = {"DATABASE_URL": shaky.create_database("told"), "TASK_QUEUE": "database", "EMAIL_URL": post_office.url}
        service = plain.with_env(**env, **CHEAP)
        service.manage("migrate")
        told = registered_until_killed(service)
        assert not post_office.messages
        with work(service):
            assert_can_log_in(service, told)
            wait_until(lambda: {f"{name}@example.com" for name in told} <= recipients(post_office))


def test_every_login_is_answered_by_a_server_that_is_told_to_end(unsure: Service) -> None:
    """With as many rounds as in production: it cannot check all passwords in time, and says so."""
    body = urlencode({"username": "eve", "password": PASSWORD}).encode()
    with serve(unsure.with_env(BCRYPT_ROUNDS="12")) as served, ExitStack() as stack:
        add_user(served, "eve")
        connections = [stack.enter_context(accepted(served, body)) for _ in range(LOGINS)]
        for connection in connections:
            connection.send(body)
        terminate(served)
        for connection in connections:
            answer = connection.getresponse()
            said = json.load(answer)
            if answer.status == 200:
                assert said["access_token"]
            else:
                assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True), said


# What it needs.


def under(served: Server, ask: Ask, clients: int) -> AbstractContextManager[Load]:
    return load(lambda: connect(served, timeout=LIMIT), ask, clients)


def test_a_database_that_is_away_is_503_and_costs_nothing_else(unsure: Service, shaky: PostgreSQL) -> None:
    with serve(unsure) as served:
        add_user(served, OTHER_USER)
        token = token_of(served, OTHER_USER)  # those who log in all the time end their oldest sessions
        with (
            under(served, get("/users/me", token), CLIENTS) as readers,
            under(served, log_in, 2) as logins,
            under(served, get("/protected", token), 2) as protected,
            under(served, get("/health/live"), 1) as live,
        ):
            for each in (readers, logins, protected, live):
                each.wait_for(200)
            shaky.stop()
            stopped = time.monotonic()
            time.sleep(OUTAGE)
            starting = time.monotonic()
            shaky.start()
            back = time.monotonic()
            assert readers.seconds_until(200, back) < HEALED_WITHIN
            logins.wait_for(200)
        for answer in (*readers.answers, *logins.answers):
            if answer.status != 200 or stopped < answer.asked < answer.given < starting:
                assert_unavailable(answer.response)
        assert protected.statuses() == live.statuses() == {200}
        assert "The database cannot be reached at the moment." in served.log()
        assert "Traceback" not in served.log()


def test_no_login_fails_while_redis_is_away_and_when_it_is_back(unsure: Service, redis: Redis) -> None:
    with serve(unsure.with_env(REDIS_URL=redis.url)) as served, under(served, log_in, 4) as logins:
        logins.wait_for(200)
        redis.kill()
        served.log_until("Redis is away, each process throttles by itself")
        ready = httpx.get(f"{served.url}/health/ready", trust_env=False)
        assert (ready.status_code, ready.json()["redis"]) == (200, "away")
        time.sleep(OUTAGE)
        logins.wait_for(200)
        redis.start()
        served.log_until("Redis is back.")
        logins.wait_for(200)
        assert "Traceback" not in served.log()
    assert logins.statuses() == {200}


def test_without_a_mail_server_all_goes_on_and_the_mail_is_tried_again(unsure: Service) -> None:
    with serve(unsure.with_env(EMAIL_URL=f"smtp://127.0.0.1:{free_port()}")) as served:
        add_user(served, "newcomer")
        served.log_until("Task accounts.send_email_verification failed, next try in ")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, one process cannot limit the files of another")
def test_a_full_disk_is_503_for_what_is_to_be_written_until_there_is_room(plain: Service, tmp_path: Path) -> None:
    """The limit for the size of a file acts like a full disk. The log cannot be written either."""
    service = plain.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3", **CHEAP)
    service.manage("migrate")
    with serve(service) as served, connect(served) as client:
        add_user(served, OTHER_USER)
        headers = bearer(token_of(served, OTHER_USER))
        process = psutil.Process(served.process.pid)
        room = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, room[1]))
        for _ in range(3):
            assert_unavailable(register(client, "newcomer"))
            assert client.get("/users/me", headers=headers).status_code == 200
        process.rlimit(psutil.RLIMIT_FSIZE, room)
        assert register(client, "newcomer").status_code == 201
