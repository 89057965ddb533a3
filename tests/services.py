"""A rendered project as a service: what tests run of it, over its command line and over HTTP."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.servers import Server, clean_environment

USERNAME, EMAIL, PASSWORD = "ada", "ada@example.com", "correct horse 9 ☕"


@dataclass(frozen=True)
class Service:
    """A rendered project, the Python that it runs on, and what its environment says beyond `.env`."""

    project: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, keyboard: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *command],
            check=False,
            cwd=self.project,
            env=clean_environment(**{**self.env, **variables}),
            input=keyboard,
            capture_output=True,
            encoding="utf-8",
        )

    def manage(self, *command: str, keyboard: str = "", **variables: str) -> str:
        """Return what `manage.py` prints, where that ends well and without a word of complaint."""
        done = self.run("manage.py", *command, keyboard=keyboard, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def problem(self, *command: str, keyboard: str = "", **variables: str) -> str:
        """Return what `manage.py` says instead of its output, where it ends with status 1."""
        done = self.run("manage.py", *command, keyboard=keyboard, **variables)
        said = done.stderr[-1000:]
        assert done.returncode == 1, said
        assert "Traceback" not in said, said
        return done.stderr.rstrip("\n")


def prepare(service: Service) -> Service:
    service.manage("migrate")
    options = ("--no-input", "--username", USERNAME, "--email", EMAIL)
    assert service.manage("createsuperuser", *options, SUPERUSER_PASSWORD=PASSWORD) == "Superuser ada created.\n"
    return service


def connect(served: Server) -> httpx.Client:
    """Not through a proxy that the shell may name; and patient: the machine may be busy."""
    return httpx.Client(base_url=served.url, trust_env=False, timeout=60)


def log_in(client: httpx.Client, username: str = USERNAME, password: str = PASSWORD) -> httpx.Response:
    return client.post("/token", data={"username": username, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
