"""Compares the cost of a request for two worker processes with that for one.

    python -m bench.workers [--python PATH]

The cost is the CPU time per request, as in `bench/requests.py`, of all processes of the server. Both have the same
database in PostgreSQL. JSON logs and metrics are on, as in production; the two processes share their metrics in a
folder. Rounds of both take turns, and the median of the ratios counts. PATH is a Python with a project's requirements;
the default is a new one. The exit status is 1 if the limit is missed.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.logins import make_environment, render_project
from bench.requests import LIMITS, READER, ROUNDS, STARTS, Result, Target, add_reader, measure
from tests.kit.servers import LOOPBACK, UVICORN, postgresql, server
from tests.kit.services import Service, prepare, token_of

LIMIT = 1.2  # times the cost for one process
WARM_UP = 3  # rounds, after which each process has its connections
PRODUCTION = {"ENVIRONMENT": "production", "METRICS_ENABLED": "true", "METRICS_TOKEN": "x", "ALLOWED_HOSTS": LOOPBACK}


def start(stack: ExitStack, service: Service) -> tuple[dict[str, Target], dict[str, Target]]:
    """Return the targets of one process, and those of two."""
    shared = stack.enter_context(tempfile.TemporaryDirectory())
    one = stack.enter_context(server(service.project, service.python, service.env))
    env = {**service.env, "PROMETHEUS_MULTIPROC_DIR": shared}
    two = stack.enter_context(server(service.project, service.python, env, (*UVICORN, "--workers", "2")))
    token = token_of(one, READER)
    return {path: Target(path, one, token) for path in LIMITS}, {path: Target(path, two, token) for path in LIMITS}


async def compare(one: dict[str, Target], two: dict[str, Target], results: dict[str, Result]) -> None:
    for target in (*one.values(), *two.values()) * WARM_UP:
        await measure(target)
    for _ in range(ROUNDS):
        for path, result in results.items():
            result.bare.append(await measure(one[path]))
            result.project.append(await measure(two[path]))


def report(results: dict[str, Result]) -> bool:
    """Print the table. Return whether the limit is kept."""
    print(f"{'µs of CPU':14}{'1 process':>12}{'2 processes':>14}{'ratio':>8}{'limit':>8}")
    for path, result in results.items():
        one, two = median(result.bare), median(result.project)
        print(f"{path:14}{one:>12.0f}{two:>14.0f}{result.ratio:>8.2f}{LIMIT:>8.1f}")
    return all(result.ratio <= LIMIT for result in results.values())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    results = {path: Result() for path in LIMITS}
    with tempfile.TemporaryDirectory() as name, postgresql() as cluster:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        env = {"DATABASE_URL": cluster.create_database("bench")}
        service = prepare(Service(render_project(folder), python, env))
        add_reader(service)
        for _ in range(STARTS):
            with ExitStack() as stack:
                asyncio.run(compare(*start(stack, service.with_env(**PRODUCTION)), results))
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
