"""Whether a failed login tells by its time, or by anything else, why it failed; and a forgotten password, whose it is.

    python -m bench.refusals [--python PATH]

An unknown user, a wrong password and a disabled user with the right one take turns at a freshly rendered project with
its default of 12 rounds; so do the addresses of somebody and of nobody, for which a new password is asked. PATH is a
Python that has a project's requirements; without it one is made. The exit status is 1 where the answers differ, or
their medians by more than the limit.
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
from tests.services import EMAIL, PASSWORD, USERNAME, Service, connect, create_superuser, log_in, prepare, serve

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
PAUSE = 0.3  # s between two tries: what one has started in the background must not fall into the time of the next


def service_with_users(project: Path, python: Path) -> Service:
    """All are refused in time, and none because of the tries before."""
    throttles = {"LOGIN_THROTTLE": "1000000/second", "MAIL_THROTTLE": "1000000/second"}
    service = prepare(Service(project, python, {**throttles, "EMAIL_URL": "memory:"}))
    create_superuser(service, DISABLED)
    with closing(sqlite3.connect(project / "db.sqlite3")) as database, database:
        database.execute("UPDATE accounts_user SET disabled = true WHERE username = ?", [DISABLED])
    return service


def measure(client: httpx.Client, tries: Tries) -> tuple[dict[str, list[float]], set[str]]:
    """Return the times in ms by kind of try, and the different answers, of which there should be one."""
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
    """Print the table; return whether nothing tells them apart."""
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
