"""Where data lives: the base of all models, the engine, and the session that a request works with."""

import enum
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import URL, DateTime, Dialect, Engine, Enum, MetaData, String, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from app.core.openapi import raises
from app.core.reading import FileReader, Query, Row, ServerReader, Values

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the one writer do not wait for each other
    "PRAGMA synchronous = NORMAL",  # safe with WAL: a crash of the machine may lose the last commits, never the file
    "PRAGMA busy_timeout = 5000",  # ms that a writer waits for another
    "PRAGMA foreign_keys = ON",
)


SQLITE_AWAY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
# Classes of SQLSTATE (PostgreSQL's manual, appendix A): connection, resources, operator intervention.
POSTGRESQL_AWAY = ("08", "53", "57")

SQLITE_CONFLICT = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY)
# foreign_key_violation, unique_violation, deadlock_detected
POSTGRESQL_CONFLICT = ("23503", "23505", "40P01")

# All are kept: SQLAlchemy's default keeps 5 and opens up to 10 more, which it closes again after each use, and under
# load that costs more than all queries. Per process, so below a PostgreSQL's 100 for 6 workers.
POOL_SIZE = 15


ENUM_LENGTH = 64  # characters of a member's name


class DatabaseUnavailable(Exception):
    """No connection could be made; the cause says why."""


def utcnow() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Takes and gives aware times; SQLite, which has no time zones, stores them in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone: use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def by_code_point(length: int) -> String:
    """Text that both databases sort by its code points, so that an index serves to find what begins with a prefix.

    PostgreSQL would sort it as its server's language does, and SQLite does so anyway.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Base(DeclarativeBase):
    __permissions__: ClassVar[tuple[str, ...]] = ("view", "add", "change", "delete")
    """What may be done with a model, each a permission such as `blog.view_post`; a model may name others."""
    __audited__: ClassVar[tuple[str, ...]] = ("add", "change", "delete")
    """What is written down in the audit log; `app.core.audit` says more."""

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
    # Enumerations are text that both databases treat alike, as Django's choices are: a new member needs no migration.
    # An ENUM of PostgreSQL is a type of its own, which migrations neither drop nor change.
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it as a plain attribute)
        datetime: UTCDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
        Literal: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
    }


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


def is_away(error: DBAPIError) -> bool:
    """Tell a lost or overloaded server (or a file that is locked, or no database at all) from a faulty query."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = str(getattr(error.orig, "sqlstate", ""))
    return code in SQLITE_AWAY or state.startswith(POSTGRESQL_AWAY)


def is_conflict(error: DBAPIError) -> bool:
    """Tell what a race can bring about (a value that is unique, a row that others point at) from a faulty query."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code in SQLITE_CONFLICT or getattr(error.orig, "sqlstate", None) in POSTGRESQL_CONFLICT


def is_unmigrated(error: DBAPIError) -> bool:
    """Tell a table or column that is missing (no migration applied yet) from any other error."""
    state = getattr(error.orig, "sqlstate", None)  # undefined_table, undefined_column
    return state in ("42P01", "42703") or str(error.orig).startswith(("no such table", "no such column"))


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


@raises(503)
async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Yield a session; what is not committed when the route returns is rolled back."""
    database: Database = connection.app.state.database
    async with database.session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_session)]
