import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.db import Database, migrate
from app.settings import get_settings
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.databases import SERVER, new_database

Own = Callable[..., AbstractAsyncContextManager[Database]]

has_programs = pytest.mark.skipif(
    SERVER is not None and not all(map(shutil.which, ("pg_dump", "pg_restore"))),
    reason="PostgreSQL's programs are not installed",
)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Own:
    """`async with own()` gives the commands a new database, and then that of the suite again."""

    @asynccontextmanager
    async def own(*, migrated: bool = True) -> AsyncIterator[Database]:
        async with new_database() as url:
            database = Database(url)
            with monkeypatch.context() as patch:
                patch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
                get_settings.cache_clear()
                try:
                    if migrated:
                        await migrate(database, report=lambda _: None)
                    yield database
                finally:
                    await database.dispose()
            get_settings.cache_clear()

    return own


FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "0001_first"
down_revision = None

def upgrade():
    op.create_table("first", sa.Column("id", sa.Integer(), primary_key=True))
"""
LATER = """
import sqlalchemy as sa
from alembic import op

revision = "0002_later"
down_revision = "0001_first"

def upgrade():
    op.create_table("later", sa.Column("first_id", sa.Integer(), sa.ForeignKey("first.id")))

def downgrade():
    op.drop_table("later")
"""


async def execute(database: Database, *statements: str) -> None:
    async with database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def scalar(database: Database, query: str) -> Any:
    async with database.engine.connect() as connection:
        return await connection.scalar(text(query))


@has_programs
async def test_a_backup_brings_back_what_was_there(
    database: Database, db: AsyncSession, user: User, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    assert await call("backup", str(file)) == (0, "", f"Wrote {file}.\n")
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
    await db.delete(user)
    await db.commit()

    refused = await call("restore", str(file))
    assert (refused.status, "add --yes" in refused.err) == (1, True)
    await database.dispose()
    assert await call("restore", "--yes", str(file)) == (0, "", f"Restored {file}.\n")

    assert await db.scalar(select(User.username)) == user.username


@has_programs
async def test_a_backup_replaces_no_file(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("precious")

    assert (await call("backup", str(file))).err == f"{file} cannot be made: File exists."
    assert file.read_text() == "precious"
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    assert (await call("restore", "--yes", str(file))).err == f"{file} is not a backup of {kind}."


async def test_a_database_that_is_missing_has_no_backup(set_variable: SetVariable, tmp_path: Path) -> None:
    file = tmp_path / "missing.sqlite3"
    set_variable("DATABASE_URL", f"sqlite:///{file}")

    assert (await call("backup", str(tmp_path / "backup"))).err == f"{file} does not exist."
    assert list(tmp_path.iterdir()) == []


@has_programs
@pytest.mark.parametrize("missing", [1, 100, 9999])
async def test_a_cut_backup_changes_nothing(
    database: Database, user: User, db: AsyncSession, tmp_path: Path, missing: int
) -> None:
    file = tmp_path / "backup"
    await call("backup", str(file))
    os.truncate(file, file.stat().st_size - missing)

    outcome = await call("restore", "--yes", str(file))

    assert (outcome.status, "Nothing was changed." in outcome.err) == (1, True)
    assert await db.scalar(select(User.username)) == user.username


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL undoes a restore that fails")
async def test_a_damaged_page_is_found_before_anything_changes(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    await call("backup", str(file))
    with file.open("r+b") as opened:
        opened.seek(3 * 4096)
        opened.write(b"x" * 4096)

    assert f"{file} is damaged: " in (await call("restore", "--yes", str(file))).err


@has_programs
@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["CREATE TABLE one (two INTEGER)"], "is not a backup of this project: it names no migrations."),
        (
            ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0001_zoo')"],
            "has migrations that this code does not have (0001_zoo)",
        ),
    ],
)
async def test_a_backup_of_another_project_changes_nothing(
    own: Own, db: AsyncSession, user: User, tmp_path: Path, statements: list[str], reason: str
) -> None:
    file = tmp_path / "backup"
    async with own(migrated=False) as other:
        await execute(other, *statements)
        await call("backup", str(file))

    assert (await call("restore", "--yes", str(file))).err.startswith(f"{file} {reason}")

    assert await db.scalar(select(User.username)) == user.username


@has_programs
async def test_an_empty_database_needs_no_yes(own: Own, database: Database, user: User, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    await call("backup", str(file))

    async with own(migrated=False) as empty:
        assert await call("restore", str(file)) == (0, "", f"Restored {file}.\n")
        assert await scalar(empty, "SELECT username FROM accounts_user") == user.username


@has_programs
async def test_a_restore_leaves_nothing_of_a_later_migration(own: Own, versions: Path, tmp_path: Path) -> None:
    """SQLite replaces the file. PostgreSQL needs the way back first."""
    file = tmp_path / "backup"
    (versions / "0001_first.py").write_text(FIRST)
    async with own() as database:
        await call("backup", str(file))
        (versions / "0002_later.py").write_text(LATER)
        await call("migrate")
        await database.dispose()

        outcome = await call("restore", "--yes", str(file))
        if not database.is_sqlite:
            assert "has migrations that the backup does not have (0002_later). Undo them first" in outcome.err
            await call("migrate", "0001_first")
            outcome = await call("restore", "--yes", str(file))

        assert outcome == (0, "", f"Restored {file}.\n")
        assert "[ ] 0002_later" in (await call("showmigrations")).out
        assert (await call("migrate")).out == "Applied 0002_later\n"


@pytest.mark.parametrize("command", [("backup", "new"), ("restore", "--yes", "made")])
async def test_what_fails_says_so_and_leaves_no_file(
    set_variable: SetVariable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    Path("made").write_bytes(b"PGDMP")
    set_variable("DATABASE_URL", "postgresql://u:hush@h/name")

    outcome = await call(*command)

    assert (outcome.status, "is not installed" in outcome.err, "hush" in outcome.err) == (1, True, False)
    assert not Path("new").exists()
