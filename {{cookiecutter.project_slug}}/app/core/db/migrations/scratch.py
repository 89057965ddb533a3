"""Temporary databases, for comparisons and tests."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.db.connections.engine import Database
from app.core.db.errors import sqlstate

INSUFFICIENT_PRIVILEGE = "42501"  # PostgreSQL's manual, appendix A


class ScratchRefused(Exception):
    """The database role may not make databases. The text says what to do."""


@asynccontextmanager
async def scratch_database(url: URL) -> AsyncIterator[URL]:
    """Yield the address of a new, empty database of the same kind. Remove it afterwards.

    With PostgreSQL it is on the same server. Raises ScratchRefused.
    """
    name = f"scratch_{token_hex(8)}"
    if url.get_backend_name() == "sqlite":
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield url.set(database=str(Path(folder) / f"{name}.sqlite3"))
        return
    database = Database(url)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        await _create(engine, name)
        try:
            yield url.set(database=name)
        finally:
            await _execute(engine, f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await database.dispose()


async def _create(engine: AsyncEngine, name: str) -> None:
    try:
        # PostgreSQL cannot copy a database while somebody is connected to it. Nobody ever connects to template0.
        await _execute(engine, f'CREATE DATABASE "{name}" TEMPLATE template0')
    except DBAPIError as error:
        if sqlstate(error.orig) != INSUFFICIENT_PRIVILEGE:
            raise
        role = engine.url.username
        raise ScratchRefused(
            f"The role {role} may not make databases, but this command needs a scratch database: "
            f'run `ALTER ROLE "{role}" CREATEDB` as the server\'s administrator.'
        ) from None


async def _execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(statement))
