import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.db.connections.engine import Database
from app.core.db.errors import is_away, is_conflict
from tests.conftest import PASSWORD_HASH, save


async def test_times_come_back_in_utc(db: AsyncSession, user: User) -> None:
    user.last_login = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    await db.commit()
    await db.refresh(user)

    assert user.last_login == datetime(2030, 1, 1, 10, tzinfo=UTC)
    assert user.last_login.utcoffset() == timedelta(0)


async def test_a_time_without_a_zone_is_refused(db: AsyncSession, user: User) -> None:
    user.last_login = datetime(2030, 1, 1)

    with pytest.raises(StatementError, match="no time zone"):
        await db.commit()


async def test_names_are_unique_in_any_case(db: AsyncSession, user: User) -> None:
    straße = await save(db, User(username="x", email="STRASSE@example.com", hashed_password=PASSWORD_HASH))

    assert straße.email_folded == "strasse@example.com"


async def test_what_is_not_committed_is_rolled_back(database: Database, user: User) -> None:
    async with database.session() as session:
        await session.execute(text("DELETE FROM accounts_user"))
    async with database.session() as session:
        assert await session.get(User, user.id) is not None


@pytest.mark.parametrize(
    ("code", "away"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_WRITE, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, False),
    ],
)
def test_a_locked_file_or_a_full_disk_is_away_and_a_faulty_query_is_not(code: int, away: bool) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code

    assert is_away(OperationalError("", {}, error)) == away


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE {t} (a INTEGER, b INTEGER, PRIMARY KEY (a, b))", "INSERT INTO {t} VALUES (1, 1)"],
        ["CREATE TABLE {t} (a INTEGER PRIMARY KEY)", "INSERT INTO {t} VALUES (1)"],
        ["CREATE TABLE {t} (a INTEGER, b INTEGER, UNIQUE (a, b))", "INSERT INTO {t} VALUES (1, 1)"],
    ],
    ids=["composite key", "key", "unique"],
)
async def test_a_value_that_is_taken_is_a_conflict(db: AsyncSession, statements: list[str]) -> None:
    make, insert = (text(statement.format(t="taken")) for statement in statements)
    await db.execute(make)
    await db.execute(insert)

    with pytest.raises(IntegrityError) as refused:
        await db.execute(insert)

    assert is_conflict(refused.value)
    await db.rollback()
    await db.execute(text("DROP TABLE IF EXISTS taken"))  # SQLite's driver makes tables outside any transaction


@pytest.mark.parametrize("rule", ["", "ON DELETE RESTRICT"])
async def test_a_row_that_others_point_at_is_a_conflict(db: AsyncSession, rule: str) -> None:
    for statement in (
        "CREATE TABLE pointed_at (a INTEGER PRIMARY KEY)",
        f"CREATE TABLE pointing (a INTEGER REFERENCES pointed_at (a) {rule})",
        "INSERT INTO pointed_at VALUES (1)",
        "INSERT INTO pointing VALUES (1)",
    ):
        await db.execute(text(statement))

    with pytest.raises(IntegrityError) as refused:
        await db.execute(text("DELETE FROM pointed_at"))

    assert is_conflict(refused.value)
    await db.rollback()
    for table in ("pointing", "pointed_at"):
        await db.execute(text(f"DROP TABLE IF EXISTS {table}"))
