"""Tests that a failed login does not reveal its reason, and a password reset does not reveal whether a user exists.

    python -m bench.refusals [--python PATH]

An unknown user, a wrong password and a disabled user with the right password take turns at a freshly rendered project
with its default of 12 rounds. So do password resets for a known and an unknown address. PATH is a Python with a
project's requirements; the default is a new one. The exit status is 1 if the answers differ, or if the medians of their
times differ by more than the limit.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

import httpx

from bench.logins import make_environment, render_project
from tests.kit.services import EMAIL, PASSWORD, USERNAME, Service, connect, create_superuser, log_in, prepare, serve

ROUNDS = 20
LIMIT = 1.15  # the slowest median, as a ratio to the fastest

OF_EACH_ANSWER = ("date", "x-request-id")

DISABLED = "grace"

Tries = dict[str, Callable[[httpx.Client], httpx.Response]]
LOGINS: Tries = {
    "unknown user": lambda client: log_in(client, "nobody", PASSWORD),
    "wrong password": lambda client: log_in(client, USERNAME, PASSWORD + "x"),
    "disabled user": lambda client: log_in(client, DISABLED, PASSWORD),
}
RESETS: Tries = {
    "somebody's address": lambda client: client.post("/password-reset", json={"email": EMAIL}),
    "nobody's address": lambda client: client.post("/password-reset", json={"email": "nobody@example.com"}),
}
PAUSE = 0.3  # s between two tries: the background work of one must not slow down the next


def service_with_users(project: Path, python: Path) -> Service:
    """No try is refused because of the tries before."""
    throttles = {"LOGIN_THROTTLE": "1000000/second", "MAIL_THROTTLE": "1000000/second"}
    service = prepare(Service(project, python, {**throttles, "EMAIL_URL": "memory:"}))
    create_superuser(service, DISABLED)
    with closing(sqlite3.connect(project / "db.sqlite3")) as database, database:
        database.execute("UPDATE accounts_user SET disabled = true WHERE username = ?", [DISABLED])
    return service


def measure(client: httpx.Client, tries: Tries) -> tuple[dict[str, list[float]], set[str]]:
    """Return the times in ms for each kind of try, and the set of answers, which should have one item."""
    times: dict[str, list[float]] = {kind: [] for kind in tries}
    answers = set()
    for _ in range(ROUNDS + 1):
        for kind, send in tries.items():
            started = time.perf_counter()
            answer = send(client)
            times[kind].append((time.perf_counter() - started) * 1000)
            answers.add(all_that_it_tells(answer))
            time.sleep(PAUSE)
    return {kind: values[1:] for kind, values in times.items()}, answers  # the first round warms up


def all_that_it_tells(answer: httpx.Response) -> str:
    headers = [f"{name}: {value}" for name, value in answer.headers.items() if name not in OF_EACH_ANSWER]
    return "\n".join([f"{answer.status_code} {answer.text}", *headers])


def report(times: dict[str, list[float]], answers: set[str], status: int) -> bool:
    """Print the table. Return whether all kinds look the same."""
    medians = {kind: median(values) for kind, values in times.items()}
    fastest = min(medians.values())
    print(f"{'':20}{'median':>10}{'ratio':>8}   ({ROUNDS} tries of each)")
    for kind, value in medians.items():
        print(f"{kind:20}{value:>7.1f} ms{value / fastest:>8.3f}")
    print(f"limit of the ratio: {LIMIT}; what was answered:", *sorted(answers), sep="\n\n", end="\n\n")
    are_alike = len(answers) == 1 and answers.pop().startswith(str(status))
    return are_alike and max(medians.values()) <= LIMIT * fastest


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        with serve(service_with_users(render_project(folder), python)) as served, connect(served) as client:
            passed = [report(*measure(client, tries), status) for tries, status in ((LOGINS, 401), (RESETS, 202))]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
