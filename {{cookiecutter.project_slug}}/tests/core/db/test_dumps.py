import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    Uuid,
    insert,
    select,
)
from sqlalchemy import Enum as EnumType
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.accounts.models import User
from app.core.db import Database, DumpError, UTCDateTime, dump_rows, dumps, load_rows, migrate, row_counts
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


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "BATCH", 3)


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


def with_a_stray_row(lines: list[str]) -> list[str]:
    row = json.dumps(("accounts_user_groups", {"user_id": str(UUID(int=1)), "group_id": str(UUID(int=2))}))
    head = json.loads(lines[0])
    return [changed(lines[0], rows=head["rows"] | {"accounts_user_groups": 1}), *lines[1:], row]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "This file is not a dump."),
        (lambda lines: lines[1:], "This file is not a dump."),
        (lambda lines: ["{}", *lines[1:]], "This file is not a dump."),
        (lambda lines: ["[" * 100_000, *lines[1:]], "This file is not a dump."),
        (lambda lines: [changed(lines[0], rows={"accounts_user": "1"}), *lines[1:]], "This file is not a dump."),
        (lambda lines: [changed(lines[0], migrations=[]), *lines[1:]], "The dump was made with other migrations"),
        (lambda lines: [changed(lines[0], rows={"zoo": 0}), *lines[1:]], "The dump has tables that no model has: zoo."),
        (lambda lines: lines[:-1], "The dump is incomplete: it has"),
        (lambda lines: [*lines[:2], "", *lines[2:]], "Line 3 is not a row of a dump: JSONDecodeError."),
        (lambda lines: [*lines[:2], "[" * 100_000], "Line 3 is not a row of a dump: RecursionError."),
        (lambda lines: [*lines[:2], '["zoo", {}]'], "Line 3 is not a row of a dump: KeyError."),
        (lambda lines: [*lines[:2], '["accounts_user", {"id": "x"}]'], "Line 3 is not a row of a dump: ValueError."),
        (lambda lines: [*lines[:2], '["accounts_user", {"last_login": 7}]'], "Line 3 is not a row of a dump: TypeErr"),
        (lambda lines: [*lines[:2], '["accounts_user", {"disabled": true}]'], "Line 3 is not a row of a dump: Key"),
        (
            lambda lines: [line.replace('"alice"', "null") for line in lines],
            "A row of .* in the lines 2 to [0-9]+ cannot",
        ),
        (with_a_stray_row, "A row of accounts_user_groups .*cannot be stored: "),
        (
            lambda lines: [line.replace('"alice"', '"\\ud800"') for line in lines],
            "A row of .* in the lines 2 to [0-9]+ cannot",
        ),
    ],
    ids=(
        "empty",
        "headless",
        "no head",
        "deep head",
        "no number",
        "older",
        "unknown",
        "cut",
        "no JSON",
        "deep",
        "no table",
        "no UUID",
        "no time",
        "a part",
        "unfit",
        "no owner",
        "no text",
    ),
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

    assert (await call("loaddata", "-", stdin="[]\n")).err == (
        "This is neither a dump nor a fixture: see docs/backups.md. Nothing was changed."
    )


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


KINDS: dict[str, tuple[Any, Any]] = {
    "big": (BigInteger(), 2**60),
    "day": (Date(), date(2024, 2, 29)),
    "duration": (Interval(), timedelta(days=3, microseconds=1)),
    "file": (LargeBinary(), b"\x00\xff"),
    "flag": (Boolean(), True),
    "hour": (Time(), time(23, 59, 59, 999999)),
    "json": (JSON(), {"a": [1, None, "\u20ac"]}),
    "key": (Uuid(), UUID(int=7)),
    "local": (DateTime(), datetime(2024, 1, 2, 3, 4, 5, 6)),
    "moment": (UTCDateTime(), WHEN),
    "price": (Numeric(12, 4), Decimal("12345678.9012")),
    "ratio": (Float(), 0.1),
    "size": (EnumType(Size, native_enum=False), Size.LARGE),
    "text": (String(), "line\nline \u2028 \N{PILE OF POO}"),
    "zoned": (DateTime(timezone=True), WHEN),
}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> tuple[Table, Table]:
    """Two tables that refer to each other; the first one refers to itself, too."""
    metadata = MetaData()
    references = {"boss": ForeignKey("dumped.id"), "gift": ForeignKey("gift.id", use_alter=True, name="fk_gift")}
    columns = [Column("id", Integer, primary_key=True), *(Column(name, key) for name, key in references.items())]
    dumped = Table("dumped", metadata, *columns, *(Column(name, kind) for name, (kind, _) in KINDS.items()))
    gift = Table("gift", metadata, Column("id", Integer, primary_key=True), Column("of", ForeignKey("dumped.id")))
    monkeypatch.setattr(dumps, "all_tables", lambda: {table.name: table for table in (dumped, gift)})
    return dumped, gift


async def content(connection: AsyncConnection, table: Table) -> list[Any]:
    return list((await connection.execute(select(table).order_by(table.c.id))).all())


async def test_values_of_each_type_and_references_come_back(application: FastAPI, tables: tuple[Table, Table]) -> None:
    dumped, gift = tables
    values = {name: value for name, (_, value) in KINDS.items()}
    async with another() as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(dumped.metadata.create_all)
            await connection.execute(insert(dumped), [{"id": 2, **values}])
            await connection.execute(insert(dumped), [{"id": number, "boss": 2} for number in (1, 3)])
            await connection.execute(insert(gift), [{"id": 9, "of": 1}])
            await connection.execute(dumped.update().where(dumped.c.id == 2).values(boss=3, gift=9))
            before = [await content(connection, table) for table in tables]
        lines = await lines_of(database)

        async with database.engine.begin() as connection:
            assert await load_rows(connection, lines) == 4
            assert [await content(connection, table) for table in tables] == before
            await connection.execute(insert(dumped).values({"text": "the next number"}))
            assert (await content(connection, dumped))[-1].id == 4
