"""How long mails take when the worker that sends them is killed, and another takes over.

    python -m bench.takeover [--python PATH]

A freshly rendered project with a server, a PostgreSQL and a worker; COUNT mails are under way when the worker gets
SIGKILL. PATH is a Python that has a project's requirements; without it one is made. The exit status is 1 where a mail
is lost, or after the limit.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.logins import make_environment, render_project
from tests.kit.mailing import seconds_through_a_killed_worker
from tests.kit.servers import postgresql
from tests.kit.services import Service, prepare

COUNT = 100
LIMIT = 120.0  # s


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        python = (arguments.python or make_environment(Path(name) / "venv")).absolute()
        with postgresql() as cluster:
            env = {"DATABASE_URL": cluster.create_database("takeover")}
            service = prepare(Service(render_project(Path(name)), python, env))
            seconds = seconds_through_a_killed_worker(service, COUNT, LIMIT)
    print(f"all {COUNT} mails have arrived after {seconds:.1f} s (limit {LIMIT:.0f} s)")
    return 0 if seconds <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
