"""One process at a time changes tables: of several replicas that start together, one goes first and the others wait."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.db.engine import Database

LOCK = 0x6D696772617465  # "migrate", as a key for PostgreSQL's advisory locks
POLL = 0.2  # s


@asynccontextmanager
async def exclusive_connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection on which tables may change; of several processes, one goes first."""
    if database.is_sqlite:
        async with database.engine.connect() as connection, _patient_and_without_keys(connection):
            with _transactional(connection):
                yield connection
    else:
        async with _server_lock(database.engine), database.engine.connect() as connection:
            yield connection


@asynccontextmanager
async def _server_lock(engine: AsyncEngine) -> AsyncIterator[None]:
    """Hold PostgreSQL's lock in a transaction of its own, on a connection of its own.

    The lock belongs to a transaction, so it also holds behind a pooler that gives each transaction another connection.
    CREATE INDEX CONCURRENTLY waits for every transaction that has a snapshot. So a process that waits for the lock ends
    its transaction after each try, and the one that holds it keeps none: SET is a statement without a snapshot.
    """
    async with engine.connect() as connection:
        while not await connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")):
            await connection.rollback()
            await asyncio.sleep(POLL)
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield


@asynccontextmanager
async def _patient_and_without_keys(connection: AsyncConnection) -> AsyncIterator[None]:
    """Let it wait while another process migrates, and enforce no foreign keys: to alter a table, SQLite makes a new one
    and drops the old, and with keys on, that deletes what points at it.
    """
    await _alone(connection, "PRAGMA busy_timeout = 600000")  # ms
    await _alone(connection, "PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        await connection.invalidate()  # the next use of it begins with the usual pragmas


async def _alone(connection: AsyncConnection, statement: str) -> None:
    """Outside of any transaction, in which a PRAGMA does nothing and which Alembic would not commit."""
    await connection.rollback()
    await connection.execute(text(statement))
    await connection.commit()


@contextmanager
def _transactional(connection: AsyncConnection) -> Iterator[None]:
    """Python's driver of SQLite begins a transaction only for changes of rows: of a migration that fails, what it did
    to tables would stay.
    """
    event.listen(connection.sync_connection, "begin", _begin)
    try:
        yield
    finally:
        event.remove(connection.sync_connection, "begin", _begin)


def _begin(connection: Connection) -> None:
    # To write from the start: one that has read before somebody else writes is refused at once, without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
