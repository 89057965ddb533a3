"""One process at a time changes tables: of several replicas that start together, one goes first and the others wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

LOCK = 0x6D696772617465  # "migrate", as a key for PostgreSQL's advisory locks
POLL = 0.2  # s


@asynccontextmanager
async def migration_lock(engine: AsyncEngine) -> AsyncIterator[None]:
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
