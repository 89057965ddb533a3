"""What operators see of a running service: its probes and its metrics."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.servers import RUNSERVER, UVICORN, PostgreSQL, free_port, postgresql_or_skip, server
from tests.kit.services import Service, bearer, connect, log_in, prepare, serve, work

TOKEN = "a-token-of-prometheus"
UNTRUSTED = (*UVICORN, "--forwarded-allow-ips", "10.0.0.5")


@pytest.fixture(scope="module")
def cluster_of_its_own() -> Iterator[PostgreSQL]:
    with postgresql_or_skip() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def observed(plain: Service, cluster_of_its_own: PostgreSQL) -> Service:
    url = cluster_of_its_own.create_database("observed")
    return prepare(plain.with_env(DATABASE_URL=url, METRICS_TOKEN=TOKEN, TASK_QUEUE="database"))


def test_a_frozen_database_is_not_ready_and_all_else_goes_on(observed: Service, cluster_of_its_own: PostgreSQL) -> None:
    with serve(observed) as served, connect(served) as client:
        token = bearer(log_in(client).json()["access_token"])
        assert client.get("/health/ready").json() == {"status": "ok", "redis": "unused"}
        assert observed.manage("health") == observed.manage("health", served.url) == "Ready.\n"

        with cluster_of_its_own.frozen():
            for _ in range(12):  # more than there are connections
                answer = client.get("/health/ready", timeout=3)
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert client.get("/health/live").status_code == 200
            assert client.get("/protected", headers=token).status_code == 200
            assert observed.problem("health") == "Not ready: no answer within 1 s."
            assert observed.problem("health", served.url) == "Not ready: the server answers 503."

        assert client.get("/health/ready").status_code == 200


@pytest.mark.skipif(os.name == "nt", reason="uvicorn has one process there")
@pytest.mark.parametrize("command", [(*UVICORN, "--workers", "2"), (*RUNSERVER, "--workers", "2")])
def test_each_of_several_processes_answers_for_all(observed: Service, tmp_path: Path, command: tuple[str, ...]) -> None:
    env = {**observed.env, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with server(observed.project, observed.python, env, command) as served:
        for number in range(40):  # each on a connection of its own, so that both processes get some
            assert httpx.get(f"{served.url}/users/{number}", trust_env=False).status_code == 401
        texts = [httpx.get(f"{served.url}/metrics", headers=bearer(TOKEN), trust_env=False).text for _ in range(9)]

    assert len(list(tmp_path.glob("counter_*.db"))) >= 2
    asked = 'http_requests_total{method="GET",route="/users/{user_id}",status="401"} 40.0'
    assert all(asked in text for text in texts), texts[0]


def test_a_proxy_that_the_server_does_not_trust_is_noticed(plain: Service, tmp_path: Path) -> None:
    alone = prepare(plain.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3"))
    with server(alone.project, alone.python, alone.env, UNTRUSTED) as served, connect(served) as client:
        for number in range(2):
            client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            log_in(client).raise_for_status()
        served.log_until("127.0.0.1 sends X-Forwarded-For, but the server does not trust it.")
    problems = alone.problem("check", "--deploy")
    assert "accounts.W009: All who logged in came from 127.0.0.1." in problems
    assert "Set FORWARDED_ALLOW_IPS=127.0.0.1" in problems


def test_a_worker_serves_what_it_counts(observed: Service) -> None:
    port = free_port()
    with serve(observed) as served, work(observed, "--metrics", str(port)) as worker, connect(served) as client:
        mail = {"username": "newcomer", "email": "newcomer@example.com", "password": "correct horse 9 staple"}
        client.post("/users", json=mail).raise_for_status()
        worker.log_until("Task accounts.send_email_verification done")
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    assert re.search(r'^tasks_total\{outcome="done",task="accounts\.\w+"\} [1-9]', text, re.MULTILINE), text
