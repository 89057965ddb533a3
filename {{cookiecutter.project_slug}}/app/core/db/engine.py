"""The engine: how connections are made, and the sessions on them."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Dialect, Engine, create_engine, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.core.db.errors import DatabaseUnavailable
from app.core.db.reading import FileReader, Query, Row, ServerReader, Values

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the one writer do not wait for each other
    "PRAGMA synchronous = NORMAL",  # safe with WAL: a crash of the machine may lose the last commits, never the file
    "PRAGMA busy_timeout = 5000",  # ms that a writer waits for another
    "PRAGMA foreign_keys = ON",
)

# All are kept: SQLAlchemy's default keeps 5 and opens up to 10 more, which it closes again after each use, and under
# load that costs more than all queries. Per process, so below a PostgreSQL's 100 for 6 workers.
POOL_SIZE = 15


ENUM_LENGTH = 64  # characters of a member's name


class Database:
    """The engine, its sessions, and a quick way to read a row; opens no connection before the first query."""

    def __init__(self, url: URL) -> None:
        # What an error says ends in the log, where no hash of a password belongs.
        self.engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=0, hide_parameters=True)
        _prepare(self.engine.sync_engine)
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)
        self._files = _file_engine(url) if self.is_sqlite else None
        self._reader = FileReader(self._files) if self._files else ServerReader(self.engine)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    async def fetch_one(self, query: Query, values: Values) -> Row | None:
        """Read by a key, outside any session and without building objects: the cheapest way to ask who somebody is.

        Return the values by the names of their columns, or None where there is no such row.
        Not for queries that may take long: with SQLite they run in the event loop.
        """
        return await self._reader.fetch_one(query, values)

    async def dispose(self) -> None:
        await self.engine.dispose()
        if self._files:
            self._files.dispose()


def _file_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite"),
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
    )
    _prepare(engine)
    return engine


def _prepare(engine: Engine) -> None:
    # No check before each use of a connection, which would cost every request a round trip: after a restart of
    # the server the first query fails (and is answered 503), and with it SQLAlchemy drops all old connections.
    event.listen(engine, "do_connect", _connect)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)


def _connect(dialect: Dialect, _record: object, args: Any, kwargs: Any) -> Any:
    """Name the failure: the drivers raise whatever the network, the resolver or the server said."""
    try:
        if dialect.driver == "aiosqlite":
            # Where it cannot open the file, aiosqlite leaves a thread behind that outlives the event loop.
            sqlite3.connect(args[0]).close()
        return dialect.connect(*args, **kwargs)
    except Exception as error:
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
