"""Databases that the suite makes and removes. It never opens a configured one."""

import os
from contextlib import AbstractAsyncContextManager

import pytest
from dotenv import dotenv_values
from sqlalchemy import URL, FromClause, text

from app.core.db import Base, Database, scratch_database
from app.core.settings import BASE_DIR, parse_database_url


def configured(name: str) -> URL | None:
    """Read an address as the project does. The suite itself runs without `.env`."""
    value = os.environ.get(name) or dotenv_values(BASE_DIR / ".env").get(name)
    return parse_database_url(value) if value else None


def server() -> URL | None:
    """Return the server that TEST_DATABASE_URL names, or None for files. End the run if it is the configured one."""
    url = configured("TEST_DATABASE_URL")
    if url is not None and _place(url) == _place(configured("DATABASE_URL")):
        pytest.exit("TEST_DATABASE_URL and DATABASE_URL name the same database: tests must not touch it.", returncode=1)
    return url if url is not None and url.get_backend_name() == "postgresql" else None


def _place(url: URL | None) -> tuple[str | int | None, ...] | None:
    return url and (url.get_backend_name(), url.host, url.port, url.database)


SERVER = server()

needs_postgresql = pytest.mark.skipif(SERVER is None, reason="TEST_DATABASE_URL names no PostgreSQL server")


def new_database() -> AbstractAsyncContextManager[URL]:
    """Yield the address of an empty database. Remove it afterwards."""
    return scratch_database(SERVER.set(database="postgres") if SERVER else parse_database_url("sqlite:///scratch"))


async def delete_rows(database: Database, but: FromClause) -> None:
    """Empty all tables but one, whatever refers to what: tables may point at each other."""
    tables = [table for table in Base.metadata.tables.values() if table is not but]
    async with database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.execute(text("PRAGMA foreign_keys = OFF"))  # which a transaction would ignore
            for table in tables:
                await connection.execute(table.delete())
            await connection.commit()
            await connection.execute(text("PRAGMA foreign_keys = ON"))
        else:
            quote = connection.dialect.identifier_preparer.format_table
            await connection.execute(text(f"TRUNCATE {', '.join(map(quote, tables))} CASCADE"))
            await connection.commit()
