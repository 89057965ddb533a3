import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.db import Database, DumpError, dump_rows, load_rows, migrate, row_counts
from tests.commands import call
from tests.conftest import PASSWORD_HASH, save
from tests.databases import new_database

WHEN = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)


@asynccontextmanager
async def another() -> AsyncIterator[Database]:
    """Yield a second database with the same tables."""
    async with new_database() as url:
        database = Database(url)
        try:
            await migrate(database, report=lambda _: None)
            yield database
        finally:
            await database.dispose()


async def lines_of(database: Database) -> list[str]:
    return [line async for line in dump_rows(database)]


async def load(database: Database, lines: list[str]) -> int:
    async with database.engine.begin() as connection:
        return await load_rows(connection, lines)


@pytest.fixture
async def lines(db: AsyncSession, database: Database, user: User) -> list[str]:
    await save(db, User(username="bob", email="b@example.com", hashed_password=PASSWORD_HASH, last_login=WHEN))
    return await lines_of(database)


async def test_a_dump_makes_another_database_the_same(lines: list[str], user: User) -> None:
    async with another() as other:
        assert await load(other, lines) == len(lines) - 1
        assert await lines_of(other) == lines
        assert await load(other, lines) == len(lines) - 1  # in place of the same rows
        async with other.session() as session:
            bob = await session.scalar(select(User).where(User.username == "bob"))
            assert bob is not None
            assert (bob.last_login, type(bob.id)) == (WHEN, UUID)


def changed(line: str, **changes: Any) -> str:
    return json.dumps(json.loads(line) | changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "The first line is not that of a dump."),
        (lambda lines: lines[1:], "The first line is not that of a dump."),
        (lambda lines: ["{}", *lines[1:]], "The first line is not that of a dump."),
        (lambda lines: [changed(lines[0], migrations=[]), *lines[1:]], "Other migrations are applied"),
        (lambda lines: [changed(lines[0], rows={"zoo": 0}), *lines[1:]], "The dump has tables that no model has: zoo."),
        (lambda lines: lines[:-1], "The dump is cut: it has"),
        (lambda lines: [*lines[:2], "", *lines[2:]], "Line 3 is not a row of a dump: JSONDecodeError."),
        (lambda lines: [*lines[:2], '["zoo", {}]'], "Line 3 is not a row of a dump: KeyError."),
        (lambda lines: [*lines[:2], '["accounts_user", {"id": "x"}]'], "Line 3 is not a row of a dump: ValueError."),
        (lambda lines: [*lines[:2], '["accounts_user", {"last_login": 7}]'], "Line 3 is not a row of a dump: TypeErr"),
    ],
    ids=("empty", "headless", "no head", "older", "unknown", "cut", "no JSON", "no table", "no UUID", "no time"),
)
async def test_a_faulty_dump_changes_nothing(database: Database, lines: list[str], change: Any, message: str) -> None:
    with pytest.raises(DumpError, match="^" + message):
        await load(database, change(lines))

    assert await lines_of(database) == lines


async def test_the_commands_print_and_load_a_dump(database: Database, user: User, tmp_path: Path) -> None:
    file = tmp_path / "dump.jsonl"
    assert (await call("dumpdata", "--output", str(file))).status == 0
    text = file.read_text(encoding="utf-8")
    assert (await call("dumpdata")).out == text
    assert (await call("dumpdata", "-o", str(file))).err == f"{file} cannot be made: File exists."

    refused = await call("loaddata", str(file))
    assert (refused.status, "1 of accounts_user" in refused.err, "add --yes" in refused.err) == (1, True, True)

    async with database.session() as session:
        await session.delete(await session.get_one(User, user.id))
        await session.commit()
    assert "Loaded" in (await call("loaddata", "--yes", str(file))).err
    async with database.engine.connect() as connection:
        assert (await row_counts(connection))["accounts_user"] == 1

    assert (await call("loaddata", "--yes", "-", stdin="[]\n")).err == (
        "The first line is not that of a dump. `dumpdata` makes one. Nothing was changed."
    )
