"""Only one process at a time changes tables. If several replicas start together, the others wait for the first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.db.connections.engine import Database

LOCK = 0x6D696772617465  # "migrate", as a key for PostgreSQL's advisory locks
POLL = 0.2  # s

WAIT = "PRAGMA busy_timeout = 600000"  # ms
SQLITE_PRAGMAS = (
    WAIT,
    # To alter a table, SQLite makes a new one and drops the old one. That would delete the rows that refer to it.
    "PRAGMA foreign_keys = OFF",
)


def exclusive_connection(database: Database) -> AbstractAsyncContextManager[AsyncConnection]:
    """Yield a connection that may change tables. Other processes wait until the block ends."""
    return (_to_sqlite if database.is_sqlite else _to_postgresql)(database.engine)


@asynccontextmanager
async def _to_postgresql(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Hold PostgreSQL's lock in a transaction of its own, on a connection of its own.

    The lock belongs to a transaction, so it also holds behind a pooler that gives each transaction another connection.
    CREATE INDEX CONCURRENTLY waits for every transaction that has a snapshot. So a process that waits for the lock ends
    its transaction after each try, and the one that holds it keeps none: SET is a statement without a snapshot.
    """
    async with engine.connect() as lock:
        while not await lock.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")):
            await lock.rollback()
            await asyncio.sleep(POLL)
        await lock.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def _to_sqlite(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Hold the lock of a second, empty file beside the database. The file stays: another process may wait for it.

    A lock of the database itself ends with each transaction.
    """
    beside = create_async_engine(engine.url.set(database=f"{engine.url.database}.migrating"), poolclass=NullPool)
    async with engine.connect() as connection, beside.connect() as lock:
        await lock.exec_driver_sql(WAIT)
        await lock.exec_driver_sql("BEGIN IMMEDIATE")
        for pragma in SQLITE_PRAGMAS:
            await connection.exec_driver_sql(pragma)
        await connection.commit()
        event.listen(connection.sync_connection, "begin", _begin)
        try:
            yield connection
        finally:
            await connection.invalidate()  # other uses need a new one with the usual pragmas


def _begin(connection: Connection) -> None:
    """Begin a transaction: by itself, Python's driver begins one only when rows change, not for changes of tables.

    IMMEDIATE locks the file at once. If a transaction reads first and another process then writes, SQLite refuses the
    first one without waiting.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")
