"""What a request costs the server, beside one to a bare FastAPI application.

    python -m bench.requests [--python PATH]

CPU time of all threads of the server's process per request, as Linux counts it. A freshly rendered project, with its
log, its headers and its checks, on SQLite and on PostgreSQL; `/plain` of `bench/naive.py`, without a log, is 1. All
take turns, in many short rounds, of which the least disturbed one counts for each. PATH is a Python that has a
project's requirements; without it one is made. The exit status is 1 where a limit is missed.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.logins import NAIVE, Connection, first_token, make_environment, serve_project
from bench.rendering import ROOT
from tests.servers import LOOPBACK, Server, postgresql, server

CLIENTS = 16
REQUESTS = 480  # a round
ROUNDS = 40

LIMITS = {"/protected": 1.6, "/users/me": 5.0}  # times bare FastAPI


@dataclass
class Route:
    name: str
    path: str
    server: Server
    token: str = ""
    rounds: list[float] = field(default_factory=list)

    @property
    def microseconds(self) -> float:
        return min(self.rounds)

    def request(self) -> bytes:
        authorization = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{authorization}\r\n".encode()


async def send(route: Route, count: int) -> None:
    connection, request = Connection(route.server.port), route.request()
    await connection.open()
    for _ in range(count):
        await connection.send(request)
    connection.close()


async def measure(route: Route) -> None:
    before = cpu_nanoseconds(route.server.process.pid)
    await asyncio.gather(*(send(route, REQUESTS // CLIENTS) for _ in range(CLIENTS)))
    route.rounds.append((cpu_nanoseconds(route.server.process.pid) - before) / REQUESTS / 1000)


def cpu_nanoseconds(pid: int) -> int:
    """Not from `/proc/PID/stat`, whose ticks of 10 ms are longer than what is measured here."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


async def measure_all(routes: list[Route]) -> None:
    for route in routes:
        if route.path != "/plain":
            route.token = await first_token(route.server.port)
        await measure(route)
        route.rounds.clear()  # the first one warms up: pools, caches, compiled statements
    for _ in range(ROUNDS):
        for route in routes:
            await measure(route)


def routes_of(stack: ExitStack, folder: Path, python: Path) -> list[Route]:
    cluster = stack.enter_context(postgresql())
    bare = stack.enter_context(server(ROOT, python, command=(*NAIVE, "--no-access-log")))
    routes = [Route("bare FastAPI", "/plain", bare)]
    for database, env in (("SQLite", {}), ("PostgreSQL", {"DATABASE_URL": cluster.create_database("bench")})):
        (folder / database).mkdir()
        service = stack.enter_context(serve_project(folder / database, python, env))
        routes += [Route(f"{path}, {database}", path, service) for path in LIMITS]
    return routes


def report(routes: list[Route]) -> bool:
    """Print the table; return whether all limits are kept."""
    bare, *others = routes
    print(f"{'':24}{'µs of CPU':>10}{'ratio':>8}{'limit':>8}")
    print(f"{bare.name:24}{bare.microseconds:>10.0f}{1:>8.2f}")
    for route in others:
        ratio = route.microseconds / bare.microseconds
        print(f"{route.name:24}{route.microseconds:>10.0f}{ratio:>8.2f}{LIMITS[route.path]:>8.1f}")
    return all(route.microseconds <= LIMITS[route.path] * bare.microseconds for route in others)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        routes = routes_of(stack, folder, python)
        asyncio.run(measure_all(routes))
    return 0 if report(routes) else 1


if __name__ == "__main__":
    sys.exit(main())
