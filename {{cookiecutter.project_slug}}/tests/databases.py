"""Databases that the suite makes for itself and removes again; it never opens one that somebody configured."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest
from dotenv import dotenv_values
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.settings import BASE_DIR, parse_database_url


def configured(name: str) -> URL | None:
    """Read an address as the project would; the suite itself runs without `.env`."""
    value = os.environ.get(name) or dotenv_values(BASE_DIR / ".env").get(name)
    return parse_database_url(value) if value else None


def server() -> URL | None:
    """Return the server that TEST_DATABASE_URL names, or None for files. Ends the run if it is the configured one."""
    url = configured("TEST_DATABASE_URL")
    if url is not None and _place(url) == _place(configured("DATABASE_URL")):
        pytest.exit("TEST_DATABASE_URL and DATABASE_URL name the same database: tests must not touch it.", returncode=1)
    return url if url is not None and url.get_backend_name() == "postgresql" else None


def _place(url: URL | None) -> tuple[str | int | None, ...] | None:
    return url and (url.get_backend_name(), url.host, url.port, url.database)


SERVER = server()


@asynccontextmanager
async def new_database() -> AsyncIterator[URL]:
    """Yield the address of an empty database, which is gone afterwards."""
    name = f"test_{token_hex(8)}"
    if SERVER is None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield parse_database_url(f"sqlite:///{Path(folder) / name}.sqlite3")
    else:
        await _on_server(f'CREATE DATABASE "{name}"')
        try:
            yield SERVER.set(database=name)
        finally:
            await _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _on_server(statement: str) -> None:
    assert SERVER is not None
    engine = create_async_engine(SERVER.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
