"""The database, as the rest of the code uses it: sessions, and a short way to one row."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import URL, Engine, RowMapping, event
from sqlalchemy.ext.asyncio import async_sessionmaker

from app.core.db.connections.drivers import POOL_SIZE, PostgreSQL, Query, SQLite

TIMEOUT = 5.0  # s

IN_USE = Gauge(
    "database_connections_in_use", "Connections of sessions, at most POOL_SIZE a process.", multiprocess_mode="livesum"
)


class Database:
    """The engine, its sessions, and a short way to one row. It opens no connection before the first query.

    Connecting may take `timeout` s. With PostgreSQL, a statement may take `statement_timeout` s. None is no limit.
    """

    def __init__(self, url: URL, *, timeout: float = TIMEOUT, statement_timeout: float | None = None) -> None:
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._engines = SQLite(url, timeout) if self.is_sqlite else PostgreSQL(url, timeout, statement_timeout)
        self.engine = self._engines.engine
        _count_connections(self.engine.sync_engine)
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)

    @property
    def sync_engines(self) -> tuple[Engine, ...]:
        """All engines, for SQLAlchemy's events: that of the sessions, and that of `fetch_one`."""
        return self._engines.sync_engines

    @property
    def max_connections(self) -> int:
        """The most connections of a process to a server: sessions have a pool, and `fetch_one` has another."""
        return 2 * POOL_SIZE

    async def fetch_one(self, query: Query, values: Mapping[str, Any]) -> RowMapping | None:
        """Read one row by a key, without a session and without objects: for queries of nearly every request.

        Return the values by the names of their columns, or None if there is no such row. A query must be quick: with
        SQLite it runs in the event loop.
        """
        return await self._engines.fetch_one(query, values)

    def lift_deadlines(self) -> None:
        """Remove the limit for statements. Call it before the first connection is made."""
        if isinstance(self._engines, PostgreSQL):
            self._engines.statement_timeout = None

    async def dispose(self) -> None:
        await self._engines.dispose()


def _count_connections(engine: Engine) -> None:
    event.listen(engine, "checkout", lambda *_: IN_USE.inc())
    event.listen(engine, "checkin", lambda *_: IN_USE.dec())
