"""Moves many rows from SQLite to PostgreSQL and back, and compares both SQLite databases.

    python -m bench.dumps [--rows N] [--python PATH]

PATH is a Python that has a project's requirements; without it one is made. `dumpdata` and `loaddata` may take LIMIT MB
more memory for all rows than for a thousandth of them. The exit status is 1 if a limit is missed or a row has changed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.logins import make_environment, render_project
from tests.kit.servers import PostgreSQL, clean_environment, postgresql
from tests.kit.services import Service

LIMIT = 20.0  # MB
FILL = """
from uuid import uuid4
from app.core.audit import AuditEntry
from sqlalchemy import insert

for start in range(0, ROWS, 5000):
    rows = [
        {"id": uuid4(), "actor": f"user {n}", "place": "", "action": "add", "model": "a.b", "object_id": str(n),
         "object_name": "x" * 40, "changes": {"a": [n, None]}}
        for n in range(start, min(start + 5000, ROWS))
    ]
    await (await db.connection()).execute(insert(AuditEntry.__table__), rows)
await db.commit()
"""


def measured(service: Service, *command: str) -> tuple[float, float]:
    """Run a command. Return its seconds, and the most memory that it had, in MB."""
    started = time.perf_counter()
    arguments: list[str | Path] = [service.python, "manage.py", *command]
    process = subprocess.Popen(arguments, cwd=service.project, env=clean_environment(**service.env))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def move(source: Service, target: Service, file: Path) -> list[tuple[float, float]]:
    target.manage("migrate")
    return [
        measured(source, "dumpdata", "--output", str(file)),
        measured(target, "loaddata", "--yes", str(file)),
    ]


def there_and_back(plain: Service, cluster: PostgreSQL, folder: Path, rows: int) -> list[tuple[float, float]]:
    """Return what each of the four commands took. Raises AssertionError if a row has changed."""
    first, last = (plain.with_env(DATABASE_URL=f"sqlite:///{folder}/{name}{rows}.sqlite3") for name in ("a", "b"))
    between = plain.with_env(DATABASE_URL=cluster.create_database(f"rows_{rows}"))
    first.manage("migrate")
    first.manage("shell", "-c", FILL.replace("ROWS", str(rows)))
    files = [folder / f"{rows}.{number}" for number in range(3)]
    took = move(first, between, files[0]) + move(between, last, files[1])
    measured(last, "dumpdata", "--output", str(files[2]))
    assert files[0].read_bytes() == files[2].read_bytes()
    return took


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgresql() as cluster:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        plain = Service(render_project(folder), python)
        few = there_and_back(plain, cluster, folder, arguments.rows // 1000)
        many = there_and_back(plain, cluster, folder, arguments.rows)
    kept = True
    print(f"{arguments.rows} rows, all the same at the end{'s':>10}{'MB':>8}{'more MB':>10}")
    for step, (_, before), (seconds, after) in zip(STEPS, few, many, strict=True):
        print(f"{step:40}{seconds:>10.1f}{after:>8.0f}{after - before:>10.1f}")
        kept = kept and after - before <= LIMIT
    return 0 if kept else 1


STEPS = ("dumpdata, SQLite", "loaddata, PostgreSQL", "dumpdata, PostgreSQL", "loaddata, SQLite")


if __name__ == "__main__":
    sys.exit(main())
