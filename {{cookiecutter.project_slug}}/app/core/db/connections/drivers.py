"""Makes, keeps and closes connections to the database. There is one class for each kind of database.

Each class has an `engine` for sessions, and a quick way to read one row without a transaction.
"""

import sqlite3
from collections.abc import Mapping
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy import URL, Dialect, Engine, ExceptionContext, RowMapping, Select, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.db.errors import QUERY_CANCELED, READ_ONLY, failure_named, sqlstate

Query = Select[*tuple[Any, ...]]

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the one writer do not wait for each other
    "PRAGMA synchronous = NORMAL",  # safe with WAL: a crash of the machine may lose the last commits, never the file
    "PRAGMA busy_timeout = 5000",  # ms that a writer waits for another
    "PRAGMA foreign_keys = ON",
)

# All connections are kept. SQLAlchemy's default keeps 5, and opens up to 10 more that it closes after each use. Under
# load, that costs more than all queries. PostgreSQL has two pools per process: `check --deploy` compares
# them with its limit.
POOL_SIZE = 10
# The share of the timeout to wait for a connection. With the wait for an answer, that is less than twice the timeout.
POOL_SHARE = 0.6

OPTIONS = {"hide_parameters": True}  # errors are logged, and the log must not have hashes of passwords
NO_TRANSACTION = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True, "pool_reset_on_return": None}


class SQLite:
    def __init__(self, url: URL, timeout: float) -> None:
        self.engine = create_async_engine(url, **OPTIONS, **_pool(timeout))
        # It runs in the event loop: aiosqlite changes to a thread and back for each step, which costs five times as
        # much. A row takes microseconds, and in WAL mode no reader waits for a writer.
        self._reading = create_engine(url.set(drivername="sqlite"), **OPTIONS, **NO_TRANSACTION)
        for engine in self.sync_engines:
            _prepare(engine)

    @property
    def sync_engines(self) -> tuple[Engine, Engine]:
        return self.engine.sync_engine, self._reading

    async def fetch_one(self, query: Query, values: Mapping[str, Any]) -> RowMapping | None:
        with self._reading.connect() as connection:
            return connection.execute(query, values).mappings().one_or_none()

    async def dispose(self) -> None:
        self._reading.dispose()
        await self.engine.dispose()


def _pool(timeout: float) -> dict[str, Any]:
    return {"pool_size": POOL_SIZE, "max_overflow": 0, "pool_timeout": timeout * POOL_SHARE}


def _prepare(engine: Engine) -> None:
    event.listen(engine, "do_connect", _open_file)
    event.listen(engine, "connect", _set_pragmas)


def _open_file(dialect: Dialect, _record: object, args: Any, kwargs: Any) -> Any:
    with failure_named():
        # If aiosqlite cannot open the file, its thread lives on after the event loop. So try to open the file first.
        sqlite3.connect(args[0]).close()
        return dialect.connect(*args, **kwargs)


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


class PostgreSQL:
    """It does not test connections before each use: that would cost every request a round trip. After a restart of the
    server, one query fails. Then all connections from before that time are replaced.
    """

    def __init__(self, url: URL, timeout: float, statement_timeout: float | None) -> None:
        self.url, self.timeout, self.statement_timeout = url, timeout, statement_timeout
        self._lost = -inf
        self.engine = self._connected()
        # It has its own connections. To switch off transactions for each use would cost half as much as the query.
        self._reading = self._connected(**NO_TRANSACTION)

    def _connected(self, **options: Any) -> AsyncEngine:
        from app.core.db.connections.postgresql import Connection  # takes long to load, and few need it

        async def connect() -> Connection:
            with failure_named():
                return await Connection.open(self.url, self.timeout, self.statement_timeout)

        # SQLAlchemy registers hstore's own type only with connections that it makes by itself.
        options |= {"async_creator": connect, "use_native_hstore": False}
        engine = create_async_engine(self.url, **OPTIONS, **_pool(self.timeout), **options)
        event.listen(engine.sync_engine, "connect", _note_time)
        event.listen(engine.sync_engine, "handle_error", self._note_loss)
        event.listen(engine.sync_engine, "checkout", self._refuse_older)
        return engine

    @property
    def sync_engines(self) -> tuple[Engine, Engine]:
        return self.engine.sync_engine, self._reading.sync_engine

    def _note_loss(self, context: ExceptionContext) -> None:
        """Treat a server that has become read-only as lost too: connect again, perhaps to its successor."""
        if sqlstate(context.original_exception) == READ_ONLY:
            context.is_disconnect = True
        if context.is_disconnect:
            self._lost = monotonic()

    def _refuse_older(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["since"] < self._lost:
            raise DisconnectionError  # SQLAlchemy makes a new one in its place

    async def fetch_one(self, query: Query, values: Mapping[str, Any]) -> RowMapping | None:
        try:
            return await self._fetch_one(query, values)
        except DBAPIError as error:
            if not error.connection_invalidated or sqlstate(error.orig) == QUERY_CANCELED:
                raise
            return await self._fetch_one(query, values)

    async def _fetch_one(self, query: Query, values: Mapping[str, Any]) -> RowMapping | None:
        connection = await self._reading.connect()  # `async with` would close it in a task, which costs 50 µs
        try:
            return (await connection.execute(query, values)).mappings().one_or_none()
        finally:
            await connection.close()

    async def dispose(self) -> None:
        await self._reading.dispose()
        await self.engine.dispose()


def _note_time(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["since"] = monotonic()
