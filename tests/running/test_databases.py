"""PostgreSQL as it is in production: behind a pooler, frozen, demoted, and with the addresses that hosts hand out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import pytest

from tests.kit.loads import CLIENTS, LIMIT, Load, assert_unavailable, get, load
from tests.kit.servers import PostgreSQL, Server, postgresql_or_skip, terminate
from tests.kit.services import Service, bearer, connect, log_in, prepare, serve, token_of

FROZEN = 12  # s: longer than that, so that an answer that waits for the database comes too late


@pytest.fixture(scope="module")
def shaky() -> Iterator[PostgreSQL]:
    """A cluster that may be treated badly: nobody else uses it."""
    with postgresql_or_skip() as shaky:
        yield shaky


@pytest.fixture(scope="module")
def unsure(plain: Service, shaky: PostgreSQL) -> Service:
    return prepare(Service(plain.project, plain.python, {"DATABASE_URL": shaky.create_database("unsure")}))


def readers(served: Server, *, ends: bool = False) -> AbstractContextManager[Load]:
    """They are impatient: an answer must come in time."""
    ask = get("/users/me", token_of(served))
    return load(lambda: connect(served, timeout=LIMIT), ask, ends=ends)


def test_a_frozen_database_is_503_in_time_and_keeps_no_server_from_ending(unsure: Service, shaky: PostgreSQL) -> None:
    with serve(unsure) as staying, serve(unsure) as leaving:
        with readers(staying) as stays, readers(leaving, ends=True) as leaves:
            stays.wait_for(200)
            leaves.wait_for(200)
            with shaky.frozen():
                thawing = time.monotonic() + FROZEN
                terminate(leaving)
                stays.wait_for(503)
                time.sleep(max(0, thawing - time.monotonic()))
            stays.wait_for(200)
        for answer in (*stays.answers, *leaves.answers):
            if answer.status != 200:
                assert_unavailable(answer.response)
        assert "Traceback" not in staying.log() + leaving.log()


def test_a_replica_is_503_where_something_is_to_be_written_until_it_is_promoted(
    unsure: Service, shaky: PostgreSQL
) -> None:
    with serve(unsure) as served, connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        shaky.demote()
        wait_until(lambda: client.get("/users/me", headers=headers), 200)
        assert_unavailable(log_in(client))
        shaky.promote()
        wait_until(lambda: log_in(client), 200)


def test_a_database_that_takes_no_changes_is_503_and_heals(unsure: Service, shaky: PostgreSQL) -> None:
    with serve(unsure) as served, connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        shaky.query("ALTER SYSTEM SET default_transaction_read_only = on")
        shaky.query("SELECT pg_reload_conf()")
        wait_until(lambda: log_in(client), 503)
        assert_unavailable(log_in(client))
        assert client.get("/users/me", headers=headers).status_code == 200
        shaky.query("ALTER SYSTEM RESET default_transaction_read_only")
        shaky.query("SELECT pg_reload_conf()")
        wait_until(lambda: log_in(client), 200)
        assert "Traceback" not in served.log()


def wait_until(ask: Callable[[], httpx.Response], status: int) -> None:
    deadline = time.monotonic() + LIMIT
    while (answer := ask()).status_code != status:
        assert time.monotonic() < deadline, f"It is still {answer.status_code}: {answer.text}"
        time.sleep(0.05)


def test_many_at_once_share_the_connections_of_a_pooler(plain: Service, cluster: PostgreSQL, pooler: str) -> None:
    """Each transaction may get another connection of the server, which knows nothing of the one before."""
    direct = prepare(plain.with_env(DATABASE_URL=cluster.create_database("shared"), BCRYPT_ROUNDS="4"))
    pooled = direct.with_env(DATABASE_URL=f"{pooler}/shared?pgbouncer=true")
    with serve(pooled) as served, connect(served) as client, ThreadPoolExecutor(CLIENTS) as threads:
        headers = bearer(token_of(served))
        logins = threads.map(lambda _: log_in(client), range(3 * CLIENTS))
        reads = threads.map(lambda _: client.get("/users/me", headers=headers), range(3 * CLIENTS))
        assert {answer.status_code for answer in (*logins, *reads)} == {200}


def test_a_command_may_take_longer_than_a_request(unsure: Service) -> None:
    sleep = "from sqlalchemy import text; await db.execute(text('SELECT pg_sleep(1.5)')); print('awake')"

    assert unsure.manage("shell", "-c", sleep, DATABASE_STATEMENT_TIMEOUT="1") == "awake\n"


def test_a_parameter_that_no_server_would_get_stops_the_start_by_its_name(plain: Service, shaky: PostgreSQL) -> None:
    address = shaky.url_of("unsure")

    said = plain.problem("check", DATABASE_URL=f"{address}?sslmode=disable&schema=hush")

    assert said.startswith("DATABASE_URL: has the parameter schema,")
    assert len(said.splitlines()) == 1
    assert "hush" not in said
