"""Measures a page of users with a thousand users and with a million.

    python -m bench.users [--python PATH] [--users N]

It measures the CPU time of the server's process per `GET /users`, and that of its PostgreSQL, as Linux counts it. A
clock would also measure other work of the machine. Four freshly rendered projects take turns: on SQLite and on the
newest installed PostgreSQL, with few users and with many. The quickest of several rounds counts. PATH is a Python with
a project's requirements; the default is a new one.

The limit for a page without a search or filter is a ratio of many to few. The limit for a search is in ms. The exit
status is 1 if a limit is missed.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bench.logins import Connection, first_token, make_environment, prepare_project
from bench.requests import cpu_nanoseconds
from tests.kit.servers import LOOPBACK, PostgreSQL, Server, postgresql
from tests.kit.services import serve

FEW, MANY = 1000, 1_000_000
RATIO_LIMIT = 3.0  # times the cost of a page with few users
SEARCH_LIMIT = 300  # ms
REQUESTS = 5  # a round
ROUNDS = 5

# SQL for both databases. The parts that differ are filled in.
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
    """Insert the rows first, then make the indexes: this takes half as long."""
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
    """Insert the rows first, as with SQLite: here it takes a quarter of the time."""
    rows = [statement.format(count=count, **POSTGRESQL) for statement in STATEMENTS]
    for statement in (INDEXES_OFF, rows[0], INDEXES_ON, *rows[1:]):
        cluster.query(statement, database)
    cluster.query("VACUUM ANALYZE", database)  # autovacuum would do it some minutes later


Queries = dict[str, dict[str, str]]

CASES: Queries = {
    "all": {},
    "all, sorted by -date_joined": {"sort": "-date_joined"},
    "all, sorted by last_login": {"sort": "last_login"},
    "search that finds 100": {"search": "user00000"},
    "search that finds 10,000": {"search": "user000"},
    "search that finds all": {"search": "user"},
    "search that finds all, sorted by -date_joined": {"search": "user", "sort": "-date_joined"},
    "search that finds all, 60 of whom are staff": {"search": "user", "is_staff": "true"},
    "search that finds all, a tenth of whom are disabled": {"search": "user", "disabled": "true"},
    "search that finds all, a tenth of whom are in a group": {"search": "user", "group": EDITORS_ID},
    "60 who are staff": {"is_staff": "true"},
    "a tenth who are disabled": {"disabled": "true"},
}


@dataclass
class Subject:
    """A project with this number of users."""

    database: str
    count: int
    serve: Callable[[], AbstractContextManager[Server]]
    backends: Callable[[], list[int]]


@dataclass
class Running:
    """A served subject, its request for each page, and the ms of CPU in the best round."""

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


Pages = Callable[[Server], Awaitable[dict[str, bytes]]]


async def pages_of(server: Server) -> dict[str, bytes]:
    token = await first_token(server.port)
    tail = f" HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n"
    return {name: f"GET /users?{urlencode(query)}{tail}".encode() for name, query in CASES.items()}


async def measure_all(started: list[Running], pages: Pages) -> None:
    for running in started:
        running.pages = await pages(running.server)
        await running.warm_up()
    for _ in range(ROUNDS):
        for name in started[0].pages:
            for running in started:
                await running.measure(name)


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


def report(started: list[Running], queries: Queries) -> bool:
    """Print the tables. Return whether the limits are kept."""
    kept = True
    for few, many in zip(started[::2], started[1::2], strict=True):
        title = f"{few.subject.database}, ms of CPU"
        print(f"\n{title:56}{few.subject.count:>8}{many.subject.count:>10}{'ratio':>8}{'limit':>10}")
        for name, query in queries.items():
            times = few.least[name], many.least[name]
            ratio = times[1] / times[0]
            limit, within = _limit(query, times[1], ratio)
            print(f"{name:56}{times[0]:>8.1f}{times[1]:>10.1f}{ratio:>8.2f}{limit:>10}")
            kept = kept and within
    return kept


def _limit(query: Mapping[str, str], milliseconds: float, ratio: float) -> tuple[str, bool]:
    """Return the limit of a page as text, and whether it is kept."""
    if "search" in query:
        return f"{SEARCH_LIMIT} ms", milliseconds <= SEARCH_LIMIT
    if query.keys() & {"is_staff", "disabled", "group"}:
        return "", True
    return f"{RATIO_LIMIT}", ratio <= RATIO_LIMIT


def run(pages: Pages, queries: Queries) -> int:
    """Compare projects with the number of users from the command line. Return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements")
    parser.add_argument("--users", type=int, default=MANY)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgresql() as cluster, ExitStack() as stack:
        folder = Path(name)
        python = (arguments.python or make_environment(folder / "venv")).absolute()
        subjects = subjects_of(folder, python, cluster, arguments.users)
        started = [Running(subject, stack.enter_context(subject.serve())) for subject in subjects]
        asyncio.run(measure_all(started, pages))
        return 0 if report(started, queries) else 1


if __name__ == "__main__":
    sys.exit(run(pages_of, CASES))
