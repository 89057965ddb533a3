"""PostgreSQL, by psycopg: addresses as libpq reads them, and connections that do not wait for ever.

Loaded where PostgreSQL is used, and only there: psycopg takes long to load.
"""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg.errors import ConnectionTimeout, QueryCanceled
from sqlalchemy import URL

from app.core.settings import KEEPALIVES, libpq_parameters

T = TypeVar("T")

CANCEL_TIMEOUT = 2  # s
SHORTEST = 2  # s: what libpq makes of a shorter `connect_timeout`


class Connection(psycopg.AsyncConnection[Any]):
    statement_timeout: float | None = None
    """How many seconds the server may take for a statement."""
    _is_cut = False

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

    async def in_time(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises QueryCanceled and closes the connection if the server takes longer than the timeout.

        Keepalives do not notice a server that hangs, because its kernel still answers. To cancel the task would not
        help: psycopg would wait for the server to confirm it. So cut the connection.
        """
        if self.statement_timeout is None:
            return await work
        deadline = asyncio.get_running_loop().call_later(self.statement_timeout, self._give_up)
        try:
            result = await work
        except psycopg.Error:
            if not self._is_cut:
                raise
        else:
            if not self._is_cut:
                return result
        finally:
            deadline.cancel()
        await self.close()
        raise QueryCanceled(f"no answer within {self.statement_timeout:g} s")

    def _give_up(self) -> None:
        self._is_cut = True
        loop = asyncio.get_running_loop()
        stopping = loop.create_task(self._stop_statement())
        _stopping.add(stopping)
        stopping.add_done_callback(_stopping.discard)
        loop.call_soon(self._cut)  # after the first step of that task, which still needs the connection

    async def _stop_statement(self) -> None:
        """Let a server that is only slow not go on in vain. One that hangs does not even answer this."""
        with suppress(psycopg.Error, OSError):
            await self.cancel_safe(timeout=CANCEL_TIMEOUT)

    def _cut(self) -> None:
        if self.closed:
            return
        view = socket.socket(fileno=self.fileno())
        try:
            with suppress(OSError):
                view.shutdown(socket.SHUT_RDWR)
        finally:
            view.detach()  # libpq closes it


_stopping: set[asyncio.Task[None]] = set()  # the event loop itself keeps no task


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
