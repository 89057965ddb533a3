"""Measures the effect of a flood of logins on a server: on other requests, and on its memory.

    python -m bench.logins [--python PATH] [--logins N]

It compares a freshly rendered project, with its defaults, with `bench/naive.py`. Each has one uvicorn worker in its own
process. PATH is a Python with a project's requirements; the default is a new one. The exit status is 1 if the project
misses a limit.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import psutil
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

from bench import PASSWORD, USERNAME
from bench.rendering import NO_PART, ROOT
from tests.kit.servers import LOOPBACK, UVICORN, Server, server
from tests.kit.services import Service, create_superuser, serve

CLIENTS = 8  # clients that log in again and again
READERS = 4  # clients that request /protected meanwhile
PACE = 50  # requests per second of each reader, while latency is measured
SECONDS = 10  # for each measurement
FEW, MANY = 10, 500  # logins, after which the memory is compared

MAX_MEDIAN = 10.0  # ms, of /protected under logins
MAX_GROWTH = 10.0  # MB, from FEW to MANY logins

MB = 10**6
NAIVE = tuple(part.replace("app.main:app", "bench.naive:app") for part in UVICORN)


@dataclass(frozen=True)
class Latency:
    milliseconds: list[float]
    rate: float

    def percentile(self, percent: int) -> float:
        return quantiles(self.milliseconds, n=100)[percent - 1]


@dataclass(frozen=True)
class Result:
    alone: Latency
    under_logins: Latency
    logins_per_second: float
    growth: float


class Connection:
    """A minimal client for HTTP/1.1: a complete one would take longer than the server."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(LOOPBACK, self.port)

    def close(self) -> None:
        self.writer.close()

    async def send(self, request: bytes) -> bytes:
        """Return the body of the answer. Its status must be 200."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self.reader.readexactly(int(length.partition(b":")[2]))


def login_request() -> bytes:
    form = urlencode({"username": USERNAME, "password": PASSWORD})
    head = f"POST /token HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode()


def protected_request(token: str) -> bytes:
    return f"GET /protected HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def loop(port: int, request: bytes, goes_on: Callable[[], bool]) -> list[float]:
    """Send one request after the other. Return the time of each, in ms."""
    connection, times = Connection(port), list[float]()
    await connection.open()
    while goes_on():
        started = time.perf_counter()
        await connection.send(request)
        times.append((time.perf_counter() - started) * 1000)
    connection.close()
    return times


async def together(clients: int, client: Callable[[], Awaitable[list[float]]]) -> list[float]:
    """Run that many at once. Return the times of all."""
    return [value for times in await asyncio.gather(*(client() for _ in range(clients))) for value in times]


async def paced(port: int, request: bytes) -> list[float]:
    """Send requests at fixed times. Return the waiting time for each answer, in ms.

    A client that waits for an answer before its next request hardly notices a server that stands still: it sends only
    one request meanwhile. So a late request counts from its planned time. Requests that could not be sent count too.
    """
    connection, times = Connection(port), list[float]()
    await connection.open()
    started = time.perf_counter()
    for number in range(SECONDS * PACE):
        due = started + number / PACE
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
            due = time.perf_counter()  # a late timer is not the fault of the server
        if time.perf_counter() - started < SECONDS:
            await connection.send(request)
        times.append((time.perf_counter() - due) * 1000)
    connection.close()
    return times


async def read(port: int, token: str) -> Latency:
    """Send requests at a moderate pace for the times, and then without a pause for the rate."""
    request = protected_request(token)
    milliseconds = await together(READERS, lambda: paced(port, request))
    started = time.perf_counter()
    answers = await together(READERS, lambda: loop(port, request, lambda: time.perf_counter() < started + SECONDS))
    return Latency(milliseconds, len(answers) / (time.perf_counter() - started))


async def read_under_logins(port: int, token: str) -> tuple[Latency, float]:
    """Also return the logins per second meanwhile."""
    reading = True
    started = time.perf_counter()
    logins = asyncio.create_task(together(CLIENTS, lambda: loop(port, login_request(), lambda: reading)))
    latency = await read(port, token)
    reading = False
    return latency, len(await logins) / (time.perf_counter() - started)


async def log_in(port: int, count: int) -> None:
    left = iter(range(count))
    await together(CLIENTS, lambda: loop(port, login_request(), lambda: next(left, None) is not None))


async def first_token(port: int) -> str:
    connection = Connection(port)
    await connection.open()
    token = json.loads(await connection.send(login_request()))["access_token"]
    connection.close()
    return str(token)


async def measure(running: Server, logins: int) -> Result:
    """Measure the memory first: before the flood, the server must have done only a few logins."""
    memory = psutil.Process(running.process.pid)
    token = await first_token(running.port)
    await log_in(running.port, FEW - 1)
    few = memory.memory_info().rss
    await log_in(running.port, logins - FEW)
    growth = (memory.memory_info().rss - few) / MB
    alone = await read(running.port, token)
    return Result(alone, *await read_under_logins(running.port, token), growth)


def render_project(folder: Path) -> Path:
    template = shutil.copytree(ROOT, folder / "template", ignore=NO_PART)
    return Path(cookiecutter(str(template), no_input=True, output_dir=str(folder), default_config=True))


def prepare_project(folder: Path, python: Path, env: dict[str, str] | None = None) -> Service:
    """Render a project into `folder`, with its tables and the user who logs in."""
    service = Service(render_project(folder), python, env or {})
    service.manage("migrate")
    create_superuser(service, USERNAME, PASSWORD)
    return service


def make_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    requirements = ROOT / "{{cookiecutter.project_slug}}" / "requirements.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    return python


def report(results: dict[str, Result], logins: int) -> None:
    print(f"{'/protected, ms':32}{'p50':>8}{'p99':>8}{'per s':>8}")
    for name, result in results.items():
        for title, latency in (("alone", result.alone), (f"while {CLIENTS} log in", result.under_logins)):
            p50, p99 = latency.percentile(50), latency.percentile(99)
            print(f"{f'{name}, {title}':32}{p50:>8.1f}{p99:>8.1f}{latency.rate:>8.0f}")
    print(f"\n{'':32}{'logins per s':>13}{f'growth, {FEW} to {logins} logins':>30}")
    for name, result in results.items():
        print(f"{name:32}{result.logins_per_second:>13.1f}{result.growth:>27.1f} MB")
    print(f"\nlimits for the project: p50 {MAX_MEDIAN:.0f} ms while {CLIENTS} log in, growth {MAX_GROWTH:.0f} MB")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    parser.add_argument("--logins", type=int, default=MANY)
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        servers = {"project": serve(prepare_project(folder, python)), "naive": server(ROOT, python, command=NAIVE)}
        for title, starting in servers.items():
            with starting as running:
                results[title] = asyncio.run(measure(running, arguments.logins))
    report(results, arguments.logins)
    project = results["project"]
    return int(project.under_logins.percentile(50) >= MAX_MEDIAN or project.growth > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
