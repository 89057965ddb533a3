"""Measures the cost of a request for the server, compared with a bare FastAPI application.

    python -m bench.requests [--python PATH]

The cost is the CPU time of all threads of the server's process per request, as Linux counts it. It measures a freshly
rendered project with its log, headers and checks, on SQLite and on PostgreSQL. The caller is a user in two groups with
about twenty permissions. The same path of `bench/bare.py`, without a log, costs 1: it has as many routers and routes as
the project. PATH is a Python with a project's requirements; the default is a new one. The exit status is 1 if a limit
is missed.

Other work of the machine takes CPU time and caches from a process. So each round is compared with a round of the bare
application right before it, and the median of these ratios counts. The quickest rounds would be a bad measure: one
quiet moment of the bare application makes all others look a tenth worse. The place of a process in memory changes its
speed by some hundredths for its whole life, so all are started several times.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from bench.logins import Connection, make_environment, render_project
from bench.rendering import ROOT
from tests.kit.servers import LOOPBACK, UVICORN, Server, postgresql, server
from tests.kit.services import Service, bearer, connect, create_superuser, log_in, prepare, serve

CLIENTS = 16
REQUESTS = 480  # a round
ROUNDS = 12  # after each start
STARTS = 5

BARE = (*(part.replace("app.main:app", "bench.bare:create_app") for part in UVICORN), "--factory", "--no-access-log")
LIMITS = {"/protected": 1.6, "/users/me": 4.5}  # times the same path of the bare application

READER = "grace"
GROUPS = ("Editors", "Moderators")


@dataclass(frozen=True)
class Target:
    path: str
    server: Server
    token: str = ""

    def request(self) -> bytes:
        authorization = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{authorization}\r\n".encode()


@dataclass
class Result:
    bare: list[float] = field(default_factory=list)  # µs, as what follows
    project: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(project / bare for bare, project in zip(self.bare, self.project, strict=True))


async def send(target: Target, count: int) -> None:
    connection, request = Connection(target.server.port), target.request()
    await connection.open()
    for _ in range(count):
        await connection.send(request)
    connection.close()


async def measure(target: Target) -> float:
    """Return the µs of CPU per request in a round."""
    before = cpu_nanoseconds(target.server.process.pid)
    await asyncio.gather(*(send(target, REQUESTS // CLIENTS) for _ in range(CLIENTS)))
    return (cpu_nanoseconds(target.server.process.pid) - before) / REQUESTS / 1000


def cpu_nanoseconds(pid: int) -> int:
    """Count the process and all that it has started.

    Do not read `/proc/PID/stat`: its ticks of 10 ms are longer than the measured times.
    """
    pids = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    files = [file for each in pids for file in Path(f"/proc/{each}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in files)


async def compare(bare: Server, targets: dict[str, Target], results: dict[str, Result]) -> None:
    plain = {name: Target(target.path, bare) for name, target in targets.items()}
    for target in (*plain.values(), *targets.values()):
        await measure(target)  # the first round fills pools, caches and compiled statements
    for _ in range(ROUNDS):
        for name, target in targets.items():
            results[name].bare.append(await measure(plain[name]))
            results[name].project.append(await measure(target))


def add_reader(service: Service) -> None:
    """Make a user in groups that together have twenty permissions, or all if there are fewer."""
    create_superuser(service, READER)
    with serve(service) as served, connect(served) as client:
        client.headers.update(bearer(log_in(client).json()["access_token"]))
        names = client.get("/permissions", params={"limit": 20}).json()["items"]
        groups = [
            client.post("/groups", json={"name": name, "permissions": names[number :: len(GROUPS)]}).json()["id"]
            for number, name in enumerate(GROUPS)
        ]
        (reader,) = client.get("/users", params={"search": READER}).json()["items"]
        changes = {"is_superuser": False, "groups": groups}
        client.patch(f"/users/{reader['id']}", json=changes).raise_for_status()


def start(stack: ExitStack, services: dict[str, Service]) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for database, service in services.items():
        served = stack.enter_context(serve(service))
        with connect(served) as client:
            token = log_in(client, READER).json()["access_token"]
        targets |= {f"{path}, {database}": Target(path, served, token) for path in LIMITS}
    return targets


def outline(service: Service) -> str:
    """Return the project's routers and routes, for `bench/bare.py`."""
    done = service.run("-m", "bench.bare", PYTHONPATH=str(ROOT))
    done.check_returncode()
    return done.stdout


def compare_all(python: Path, services: dict[str, Service], routes: str) -> dict[str, Result]:
    results = {f"{path}, {database}": Result() for path in LIMITS for database in services}
    for _ in range(STARTS):
        with ExitStack() as stack:
            bare = stack.enter_context(server(ROOT, python, {"OUTLINE": routes}, BARE))
            asyncio.run(compare(bare, start(stack, services), results))
    return results


def report(results: dict[str, Result]) -> bool:
    """Print the table. Return whether all limits are kept."""
    print(f"{'µs of CPU':24}{'bare':>8}{'project':>10}{'ratio':>8}{'limit':>8}")
    kept = True
    for name, result in results.items():
        limit = LIMITS[name.partition(",")[0]]
        print(f"{name:24}{median(result.bare):>8.0f}{median(result.project):>10.0f}{result.ratio:>8.2f}{limit:>8.1f}")
        kept = kept and result.ratio <= limit
    return kept


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgresql() as cluster:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        project = render_project(folder)
        envs: dict[str, dict[str, str]] = {
            "SQLite": {},
            "PostgreSQL": {"DATABASE_URL": cluster.create_database("bench")},
        }
        services = {database: prepare(Service(project, python, env)) for database, env in envs.items()}
        for service in services.values():
            add_reader(service)
        return 0 if report(compare_all(python, services, outline(services["SQLite"]))) else 1


if __name__ == "__main__":
    sys.exit(main())
