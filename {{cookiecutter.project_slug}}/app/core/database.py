"""Where data lives: the base of all models, the engine, and the session that a request works with."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVarTuple

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import URL, DateTime, Dialect, MetaData, Select, event
from sqlalchemy.engine.row import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the one writer do not wait for each other
    "PRAGMA synchronous = NORMAL",  # safe with WAL: a crash of the machine may lose the last commits, never the file
    "PRAGMA busy_timeout = 5000",  # ms that a writer waits for another
    "PRAGMA foreign_keys = ON",
)


SQLITE_AWAY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN)
# Classes of SQLSTATE (PostgreSQL's manual, appendix A): connection, resources, operator intervention.
POSTGRESQL_AWAY = ("08", "53", "57")

Columns = TypeVarTuple("Columns")


class DatabaseUnavailable(Exception):
    """No connection could be made; the cause says why."""


def utcnow() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Takes and gives aware times; SQLite, which has no time zones, stores them in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone: use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    # Alembic can only change or drop a constraint that has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012 (SQLAlchemy reads it as a plain attribute)


class Database:
    """One engine and its sessions; opens no connection before the first query."""

    def __init__(self, url: URL) -> None:
        self.engine = _engine(url)
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)
        # A single read needs no transaction, and on a server BEGIN and ROLLBACK cost two round trips.
        # SQLite pays none, but there the switch itself would be slow.
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    async def fetch_one(self, query: Select[*Columns]) -> Row[*Columns] | None:
        """Run one query outside any session, without building objects: the cheapest way to read a row."""
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).one_or_none()

    async def dispose(self) -> None:
        await self.engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    # No check before each use of a connection, which would cost every request a round trip: after a restart of
    # the server the first query fails (and is answered 503), and with it SQLAlchemy drops all old connections.
    engine = create_async_engine(url)
    event.listen(engine.sync_engine, "do_connect", _connect)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def _connect(dialect: Dialect, _record: object, args: Any, kwargs: Any) -> Any:
    """Name the failure: the drivers raise whatever the network, the resolver or the server said."""
    try:
        return dialect.connect(*args, **kwargs)
    except Exception as error:
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error


def is_away(error: DBAPIError) -> bool:
    """Tell a lost or overloaded server (or a file that stayed locked) from a faulty query."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = str(getattr(error.orig, "sqlstate", ""))
    return code in SQLITE_AWAY or state.startswith(POSTGRESQL_AWAY)


def is_unmigrated(error: DBAPIError) -> bool:
    """Tell a table or column that is missing (no migration applied yet) from any other error."""
    state = getattr(error.orig, "sqlstate", None)  # undefined_table, undefined_column
    return state in ("42P01", "42703") or str(error.orig).startswith(("no such table", "no such column"))


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


async def get_database(connection: HTTPConnection) -> Database:
    database: Database = connection.app.state.database
    return database


async def get_session(database: Annotated[Database, Depends(get_database)]) -> AsyncIterator[AsyncSession]:
    """Yield a session; what is not committed when the route returns is rolled back."""
    async with database.session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_session)]
