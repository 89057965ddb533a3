"""A rendered project as a service: tests use its command line and HTTP."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.kit.servers import LOOPBACK, START_LIMIT, Program, Server, clean_environment, server, worker

USERNAME, PASSWORD = "ada", "correct horse 9 ☕"
EMAIL = f"{USERNAME}@example.com"

LINTERS = (
    ("-m", "ruff", "check", "."),
    ("-m", "ruff", "format", "--check", "."),
    ("-m", "mypy"),
    ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
)


@dataclass(frozen=True)
class Service:
    """A rendered project, its Python, and its environment variables in addition to `.env`."""

    project: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    def with_env(self, **variables: str) -> "Service":
        return replace(self, env={**self.env, **variables})

    def run(self, *command: str, keyboard: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        cache = mypy_cache(self.python.parents[1])
        return subprocess.run(
            [self.python, *command],
            check=False,
            cwd=self.project,
            env=clean_environment(**self.with_env(MYPY_CACHE_DIR=cache, **variables).env),
            input=keyboard,
            capture_output=True,
            encoding="utf-8",
        )

    def manage(self, *command: str, keyboard: str = "", **variables: str) -> str:
        """Return the output of `manage.py`. It must succeed and print nothing on standard error."""
        done = self.run("manage.py", *command, keyboard=keyboard, **variables)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def problem(self, *command: str, keyboard: str = "", **variables: str) -> str:
        """Return the error message of `manage.py`. It must end with status 1 and print no output."""
        done = self.run("manage.py", *command, keyboard=keyboard, **variables)
        said = done.stderr[-1000:]
        assert done.returncode == 1, said
        assert "Traceback" not in said, said
        return done.stderr.rstrip("\n")


def mypy_cache(environment: Path) -> str:
    """All projects use the same libraries, but only one mypy at a time may use a cache."""
    return str(environment / f".mypy_cache-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


def prepare(service: Service) -> Service:
    service.manage("migrate")
    create_superuser(service)
    return service


def create_superuser(service: Service, username: str = USERNAME, password: str = PASSWORD) -> None:
    options = ("--no-input", "--username", username, "--email", f"{username}@example.com")
    said = service.manage("createsuperuser", *options, SUPERUSER_PASSWORD=password)
    assert said == f"Superuser {username} created.\n"


def serve(service: Service, port: int | None = None) -> AbstractContextManager[Server]:
    return server(service.project, service.python, service.env, port=port)


def work(service: Service, *options: str) -> AbstractContextManager[Program]:
    return worker(service.project, service.python, service.env, *options)


def connect(served: Server, timeout: float = 60) -> httpx.Client:
    """A client that ignores the shell's proxy settings. It is patient, because the machine may be busy."""
    return httpx.Client(base_url=served.url, trust_env=False, timeout=timeout)


def wait_until(condition: Callable[[], bool], limit: float = START_LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def accepted(served: Server, body: bytes) -> Iterator[http.client.HTTPConnection]:
    """A request for a token without its body yet. The server has surely begun to answer it.

    With `Expect: 100-continue`, the server requests the body when a route waits for it (RFC 9110, 10.1.1).
    """
    connection = http.client.HTTPConnection(LOOPBACK, served.port, timeout=60)
    with closing(connection):
        connection.putrequest("POST", "/token")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(1024).startswith(b"HTTP/1.1 100")
        yield connection


def token_of(served: Server, username: str = USERNAME) -> str:
    with connect(served) as client:
        return str(log_in(client, username).raise_for_status().json()["access_token"])


def log_in(client: httpx.Client, username: str = USERNAME, password: str = PASSWORD) -> httpx.Response:
    return client.post("/token", data={"username": username, "password": password})


def add_user(served: Server, username: str) -> None:
    with connect(served) as client:
        register(client, username).raise_for_status()


def register(client: httpx.Client, username: str) -> httpx.Response:
    new = {"username": username, "email": f"{username}@example.com", "password": PASSWORD}
    return client.post("/users", json=new)


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/token", data={"grant_type": "refresh_token", "refresh_token": token})


def refresh_at_once(servers: list[Server], token: str) -> list[tuple[int, Any]]:
    """Send the token once to each server. Return the statuses and the bodies.

    All servers first wait for the body, so they continue within a millisecond. From threads, the requests would come
    one after the other.
    """
    body = urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(accepted(served, body)) for served in servers]
        for connection in connections:
            connection.send(body)
        answers = [connection.getresponse() for connection in connections]
        return [(answer.status, json.load(answer)) for answer in answers]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
