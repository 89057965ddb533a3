"""PostgreSQL, by psycopg: addresses as libpq reads them, and connections that do not wait for ever.

Loaded where PostgreSQL is used, and only there: psycopg takes long to load.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Self, TypeVar

import psycopg
from psycopg.errors import ConnectionTimeout, QueryCanceled
from sqlalchemy import URL

from app.core.settings import KEEPALIVES, libpq_parameters

T = TypeVar("T")

CANCEL_TIMEOUT = 1  # s
SHORTEST = 2  # s: what libpq makes of a shorter `connect_timeout`


class Connection(psycopg.AsyncConnection[Any]):
    statement_timeout: float | None = None
    """How many seconds the server may take for a statement."""

    @classmethod
    async def open(cls, url: URL, patience: float, statement_timeout: float | None) -> Self:
        """Connect within `patience` s, however many hosts the address names. Raises psycopg.Error."""
        hosts = 1 + str(url.query.get("host", "")).count(",")
        each = max(SHORTEST, int(patience / hosts))  # one that hangs must leave time for the next
        parameters = {**KEEPALIVES, "connect_timeout": each, **libpq_parameters(url)}
        try:
            async with asyncio.timeout(patience):
                # A pooler may send each transaction to another of its connections. That one does not have the
                # statements that were prepared on the one before. So prepare none.
                connection = await cls.connect(**parameters, prepare_threshold=None, cursor_factory=Cursor)
        except TimeoutError:
            raise ConnectionTimeout(f"no answer within {patience:g} s") from None
        connection.server_cursor_factory = ServerCursor
        connection.statement_timeout = statement_timeout
        return connection

    async def commit(self) -> None:
        await self.in_time(super().commit())

    async def rollback(self) -> None:
        await self.in_time(super().rollback())

    async def in_time(self, work: Awaitable[T]) -> T:
        """Raises QueryCanceled and closes the connection if the server takes longer than the timeout.

        Keepalives do not notice a server that hangs, because its kernel still answers. At the first timeout, psycopg
        asks the server to cancel the statement. A server that hangs does not answer this either. At the second timeout,
        psycopg closes the connection.
        """
        if self.statement_timeout is None:
            return await work
        patience = self.statement_timeout
        try:
            async with asyncio.timeout(patience + CANCEL_TIMEOUT), asyncio.timeout(patience):
                return await work
        except TimeoutError:
            await self.close()
            raise QueryCanceled(f"no answer within {patience:g} s") from None


class Cursor(psycopg.AsyncCursor[Any]):
    connection: Connection

    async def execute(self, *args: Any, **kwargs: Any) -> Self:
        return await self.connection.in_time(super().execute(*args, **kwargs))

    async def executemany(self, *args: Any, **kwargs: Any) -> None:
        await self.connection.in_time(super().executemany(*args, **kwargs))


class ServerCursor(psycopg.AsyncServerCursor[Any]):
    """What `session.stream()` reads by: each portion is asked for."""

    connection: Connection

    async def execute(self, *args: Any, **kwargs: Any) -> Self:
        return await self.connection.in_time(super().execute(*args, **kwargs))

    async def fetchone(self) -> Any:
        return await self.connection.in_time(super().fetchone())

    async def fetchmany(self, size: int = 0) -> list[Any]:
        return await self.connection.in_time(super().fetchmany(size))

    async def fetchall(self) -> list[Any]:
        return await self.connection.in_time(super().fetchall())
