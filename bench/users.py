"""How much longer a page of users takes with a million of them than with a thousand.

    python -m bench.users [--python PATH] [--users N]

CPU time of the server's process per `GET /users`, and of the PostgreSQL that works for it, as Linux counts it: that is
what a client waits for, and unlike what a clock says it is the same while others use the machine too. Four freshly
rendered projects, on SQLite and on the newest PostgreSQL that is installed, with few users and with many, take turns,
in many short rounds, of which the least disturbed one counts for each. As in `bench.requests` all are started several
times, and the median of the ratios counts. PATH is a Python that has a project's requirements; without it one is made.
The exit status is 1 where a limit is missed.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from operator import truediv
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from bench.logins import Connection, first_token, make_environment, prepare_project
from bench.requests import cpu_nanoseconds
from tests.servers import LOOPBACK, PostgreSQL, Server, postgresql
from tests.services import serve

FEW, MANY = 1000, 1_000_000
LIMIT = 1.2  # times what it takes with few
REQUESTS = 10  # a round
ROUNDS = 12  # after each start
STARTS = 5

# As both databases understand it; what they do not have in common is filled in.
USERS = """
INSERT INTO accounts_user (
    id, username, username_folded, email, email_folded, email_verified, full_name, full_name_folded, hashed_password,
    disabled, is_staff, is_superuser, date_joined, last_login
)
WITH RECURSIVE numbers (n) AS (SELECT CAST(0 AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}),
    shuffled AS (SELECT n, n * 7919 % {count} AS m FROM numbers),
    numbered AS (SELECT n, m, substr(CAST(10000000 + m AS text), 2) AS digits FROM shuffled),
    named AS (SELECT *, CASE WHEN digits LIKE '001%' THEN '' ELSE ' ' END || digits AS name FROM numbered)
SELECT {id}, 'User' || digits, 'user' || digits, 'User' || digits || '@example.com', 'user' || digits || '@example.com',
    true, 'User' || name, 'user' || name, '!', n % 10 = 3, n < 60, false, {joined}, {logged_in}
FROM named
"""
EDITORS_ID = "0e0e0e0e0e0e4e0e8e0e0e0e0e0e0e0e"
GROUP = "INSERT INTO accounts_group (id, name) VALUES ('{editors}', 'editors')"
EDITORS = """
INSERT INTO accounts_user_groups (user_id, group_id)
SELECT accounts_user.id, accounts_group.id FROM accounts_user, accounts_group WHERE username_folded LIKE 'user%0'
"""
PERMISSIONS = """
INSERT INTO accounts_group_permissions (group_id, permission_id)
SELECT accounts_group.id, accounts_permission.id FROM accounts_group, accounts_permission
"""
STATEMENTS = (USERS, GROUP, EDITORS, PERMISSIONS)
SQLITE = {
    "editors": EDITORS_ID,
    "id": "lower(hex(randomblob(16)))",
    "joined": "datetime('2020-01-01', n || ' minutes')",
    "logged_in": "datetime('2020-01-01', m || ' minutes')",
}
POSTGRESQL = {
    "editors": EDITORS_ID,
    "id": "gen_random_uuid()",
    "joined": "timestamptz '2020-01-01 00:00Z' + n * interval '1 minute'",
    "logged_in": "timestamptz '2020-01-01 00:00Z' + m * interval '1 minute'",
}


INDEXES = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'accounts_user' AND sql LIKE 'CREATE INDEX%'"
INDEXES_OFF = "UPDATE pg_index SET indisready = false WHERE indrelid = 'accounts_user'::regclass"
INDEXES_ON = "SET maintenance_work_mem = '512MB'; REINDEX TABLE accounts_user"

BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def fill_sqlite(file: Path, count: int) -> None:
    """Put in the rows first, and what has them sorted after: that takes half as long."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")  # KiB
        indexes = connection.execute(INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for statement in STATEMENTS:
            connection.execute(statement.format(count=count, **SQLITE))
        for _, statement in indexes:
            connection.execute(statement)
        connection.commit()


def fill_postgresql(cluster: PostgreSQL, database: str, count: int) -> None:
    """As with SQLite: here it takes a quarter of the time."""
    rows = [statement.format(count=count, **POSTGRESQL) for statement in STATEMENTS]
    for statement in (INDEXES_OFF, rows[0], INDEXES_ON, *rows[1:]):
        cluster.query(statement, database)
    cluster.query("VACUUM ANALYZE", database)  # as autovacuum does by itself, some minutes later


@dataclass(frozen=True)
class Case:
    """A query of which each page is full, with few users too: so that it takes the same time to write."""

    name: str
    query: dict[str, str]
    limit: float | None = LIMIT


def cases(count: int) -> list[Case]:
    """What has no limit is what `app/core/search.py` says that it leaves."""
    last_tenth = f"user{count - count // 10:07}".rstrip("0")
    finds: dict[str, dict[str, str]] = {
        "all": {},
        "100 by a prefix": {"search": "user00000"},
        "all by a prefix": {"search": "user"},
        "60 who are staff": {"is_staff": "true"},
        "the disabled, a tenth": {"disabled": "true"},
    }
    return [
        *(
            Case(f"{name}, sorted by {order}", {**find, "sort": order})
            for name, find in finds.items()
            for order in ("username", "-date_joined")
        ),
        Case("all, page 19", {"offset": "900"}),
        Case("all by a prefix, page 19", {"search": "user", "offset": "900"}),
        Case("all, sorted by last_login", {"sort": "last_login"}),
        Case("the last tenth by a prefix", {"search": last_tenth}),
        Case("1000 by a prefix", {"search": "user0000"}),
        Case("1000 by a prefix, sorted by username", {"search": "user0000", "sort": "username"}),
        Case("10000 by a prefix", {"search": "user000"}),
        Case("10000 by a prefix, sorted by username", {"search": "user000", "sort": "username"}),
        Case("10000 by a prefix, of names too", {"search": "user000" if count == FEW else "user001"}, limit=None),
        Case("1000 by a prefix, sorted by -date_joined", {"search": "user0000", "sort": "-date_joined"}, limit=None),
        Case("10000 by a prefix, sorted by -date_joined", {"search": "user000", "sort": "-date_joined"}, limit=None),
        Case("10000 by a prefix, no superusers", {"search": "user000", "is_superuser": "false"}, limit=None),
        Case("a group, a tenth, sorted by username", {"group": EDITORS_ID, "sort": "username"}, limit=None),
        Case("the last tenth by a prefix, sorted by username", {"search": last_tenth, "sort": "username"}, limit=None),
    ]


@dataclass
class Subject:
    """A project with so many users; `times` are ms of CPU for each page, one for each start."""

    database: str
    count: int
    serve: Callable[[], AbstractContextManager[Server]]
    backends: Callable[[], list[int]]
    times: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Running:
    """A subject that serves, what to send it for each page, and the ms of CPU that this took in the best round."""

    subject: Subject
    server: Server
    pages: dict[str, bytes] = field(default_factory=dict)
    processes: list[int] = field(default_factory=list)
    least: dict[str, float] = field(default_factory=dict)

    async def warm_up(self) -> None:
        for request in self.pages.values():
            await self.send(request)
        self.processes = [self.server.process.pid, *self.subject.backends()]

    async def send(self, request: bytes) -> None:
        connection = Connection(self.server.port)
        await connection.open()
        for _ in range(REQUESTS):
            await connection.send(request)
        connection.close()

    async def measure(self, name: str) -> None:
        before = sum(map(cpu_nanoseconds, self.processes))
        await self.send(self.pages[name])
        spent = (sum(map(cpu_nanoseconds, self.processes)) - before) / REQUESTS / 10**6
        self.least[name] = min(spent, self.least.get(name, spent))


Pages = Callable[[Subject, Server], Awaitable[dict[str, bytes]]]


async def pages_of(subject: Subject, server: Server) -> dict[str, bytes]:
    token = await first_token(server.port)
    tail = f" HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n"
    return {case.name: f"GET /users?{urlencode(case.query)}{tail}".encode() for case in cases(subject.count)}


async def measure_all(started: list[Running], pages: Pages) -> None:
    """Note for each page the time of its least disturbed round."""
    for running in started:
        running.pages = await pages(running.subject, running.server)
        await running.warm_up()
    for _ in range(ROUNDS):
        for name in started[0].pages:
            for running in started:
                await running.measure(name)
    for running in started:
        for name, milliseconds in running.least.items():
            running.subject.times.setdefault(name, []).append(milliseconds)


def on_sqlite(folder: Path, python: Path, count: int) -> Subject:
    folder.mkdir()
    service = prepare_project(folder, python, {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"})
    fill_sqlite(folder / "db.sqlite3", count)
    return Subject("SQLite", count, lambda: serve(service), list)


def on_postgresql(folder: Path, python: Path, cluster: PostgreSQL, count: int) -> Subject:
    folder.mkdir()
    database = f"users_{count}"
    service = prepare_project(folder, python, {"DATABASE_URL": cluster.create_database(database)})
    fill_postgresql(cluster, database, count)
    version = cluster.query("SHOW server_version_num")
    name = f"PostgreSQL {int(version) // 10000}"
    return Subject(name, count, lambda: serve(service), lambda: [*map(int, cluster.query(BACKENDS, database).split())])


def subjects_of(folder: Path, python: Path, cluster: PostgreSQL, many: int) -> list[Subject]:
    return [
        *(on_sqlite(folder / f"sqlite{count}", python, count) for count in (FEW, many)),
        *(on_postgresql(folder / f"postgresql{count}", python, cluster, count) for count in (FEW, many)),
    ]


def report(subjects: list[Subject], limits: Mapping[str, float | None]) -> bool:
    """Print the tables; return whether the limits are kept."""
    kept = True
    for few, many in zip(subjects[::2], subjects[1::2], strict=True):
        print(f"\n{f'{few.database}, ms of CPU':50}{few.count:>8}{many.count:>10}{'ratio':>8}{'limit':>8}")
        for name, limit in limits.items():
            times = few.times[name], many.times[name]
            ratio = median(map(truediv, times[1], times[0]))
            print(f"{name:50}{median(times[0]):>8.2f}{median(times[1]):>10.2f}{ratio:>8.2f}{limit or '':>8}")
            kept = kept and (limit is None or ratio <= limit)
    return kept


def run(pages: Pages, limits: Mapping[str, float | None]) -> int:
    """Compare projects with as many users as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    parser.add_argument("--users", type=int, default=MANY)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgresql() as cluster:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        subjects = subjects_of(folder, python, cluster, arguments.users)
        for _ in range(STARTS):
            with ExitStack() as stack:
                started = [Running(subject, stack.enter_context(subject.serve())) for subject in subjects]
                asyncio.run(measure_all(started, pages))
        return 0 if report(subjects, limits) else 1


if __name__ == "__main__":
    sys.exit(run(pages_of, {case.name: case.limit for case in cases(FEW)}))
