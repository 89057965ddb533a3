"""Whether a failed login tells by its time, or by anything else, why it failed.

    python -m bench.refusals [--python PATH]

An unknown user, a wrong password and a disabled user with the right one take turns at a freshly rendered project with
its default of 12 rounds. PATH is a Python that has a project's requirements; without it one is made. The exit status is
1 where the answers differ, or their medians by more than the limit.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

import httpx

from bench.logins import make_environment, render_project
from tests.services import PASSWORD, USERNAME, Service, connect, create_superuser, log_in, prepare, serve

ROUNDS = 20
LIMIT = 1.15  # the slowest median, as a ratio to the fastest

OF_EACH_ANSWER = ("date", "x-request-id")

DISABLED = "grace"
TRIES = {
    "unknown user": ("nobody", PASSWORD),
    "wrong password": (USERNAME, PASSWORD + "x"),
    "disabled user": (DISABLED, PASSWORD),
}


def service_with_users(project: Path, python: Path) -> Service:
    """All are refused in time, and none because of the tries before."""
    service = prepare(Service(project, python, {"LOGIN_THROTTLE": "1000000/second"}))
    create_superuser(service, DISABLED)
    with closing(sqlite3.connect(project / "db.sqlite3")) as database, database:
        database.execute("UPDATE accounts_user SET disabled = true WHERE username = ?", [DISABLED])
    return service


def measure(client: httpx.Client) -> tuple[dict[str, list[float]], set[str]]:
    """Return the times in ms by kind of try, and the different answers, of which there should be one."""
    times: dict[str, list[float]] = {kind: [] for kind in TRIES}
    answers = set()
    for _ in range(ROUNDS + 1):
        for kind, (username, password) in TRIES.items():
            started = time.perf_counter()
            answer = log_in(client, username, password)
            times[kind].append((time.perf_counter() - started) * 1000)
            answers.add(all_that_it_tells(answer))
    return {kind: values[1:] for kind, values in times.items()}, answers  # the first round warms up


def all_that_it_tells(answer: httpx.Response) -> str:
    headers = [f"{name}: {value}" for name, value in answer.headers.items() if name not in OF_EACH_ANSWER]
    return "\n".join([f"{answer.status_code} {answer.text}", *headers])


def report(times: dict[str, list[float]], answers: set[str]) -> bool:
    """Print the table; return whether nothing tells them apart."""
    medians = {kind: median(values) for kind, values in times.items()}
    fastest = min(medians.values())
    print(f"{'':20}{'median':>10}{'ratio':>8}   ({ROUNDS} tries of each)")
    for kind, value in medians.items():
        print(f"{kind:20}{value:>7.1f} ms{value / fastest:>8.3f}")
    print(f"limit of the ratio: {LIMIT}; what was answered:", *sorted(answers), sep="\n\n")
    are_alike = len(answers) == 1 and answers.pop().startswith("401")
    return are_alike and max(medians.values()) <= LIMIT * fastest


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        with serve(service_with_users(render_project(folder), python)) as served, connect(served) as client:
            times, answers = measure(client)
    return 0 if report(times, answers) else 1


if __name__ == "__main__":
    sys.exit(main())
