import tempfile
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy import select, text

from app.accounts.models import User
from app.core.db import (
    Database,
    ScratchRefused,
    is_in_step,
    make_migration,
    migrate,
    migration_history,
    pending_migrations,
)
from tests.databases import needs_postgresql


def silent(_: str) -> None: ...


async def test_the_models_ask_for_no_migration(database: Database) -> None:
    assert await is_in_step(database)


async def test_there_and_back(empty: Database) -> None:
    everything = await pending_migrations(empty)
    steps: list[str] = []

    await migrate(empty, report=steps.append)
    assert await pending_migrations(empty) == []
    await migrate(empty, "zero", report=steps.append)
    assert await pending_migrations(empty) == everything

    assert steps == [f"Applied {name}" for name in everything] + [f"Unapplied {name}" for name in reversed(everything)]


async def test_migrating_twice_does_nothing(empty: Database) -> None:
    await migrate(empty, report=silent)
    steps: list[str] = []

    await migrate(empty, report=steps.append)

    assert steps == []


async def test_a_migration_is_written_from_the_models(empty: Database, versions: Path) -> None:
    assert not await is_in_step(empty)

    path = await make_migration(empty, "first")

    assert path == str(versions / "0001_first.py")
    assert "accounts_user" in Path(path).read_text()
    await migrate(empty, report=silent)
    assert await is_in_step(empty)
    assert await make_migration(empty, "second") is None
    assert await migration_history(empty) == {"0001_first": True}


WITHOUT_COLUMNS = """
from alembic import op

revision = "0002_without"
down_revision = "0001_first"

def upgrade():
    op.execute("DROP INDEX IF EXISTS ix_accounts_user_last_login")
    for column in ("email_verified", "full_name", "last_login", "hashed_password"):
        op.execute(f"ALTER TABLE accounts_user DROP COLUMN {column}")
"""


async def test_rows_that_exist_get_the_default_of_a_new_column(empty: Database, versions: Path) -> None:
    """As in Django: otherwise the migration would fail where there are rows, and only there."""
    await make_migration(empty, "first")
    await migrate(empty, report=silent)
    async with empty.session() as db:
        db.add(User(username="ada", email="ada@example.com", hashed_password="!"))
        await db.commit()
    (versions / "0002_without.py").write_text(WITHOUT_COLUMNS)
    await migrate(empty, report=silent)
    said: list[str] = []

    path = await make_migration(empty, "third", report=said.append)

    (line,) = said
    assert line.startswith("accounts_user.hashed_password needs a value in rows that exist")
    written = Path(str(path))
    without = "'hashed_password', sa.String(length=255), "
    written.write_text(written.read_text().replace(without, without + "server_default='?', "))
    await migrate(empty, report=silent)
    assert await is_in_step(empty)
    async with empty.session() as db:
        ada = (await db.scalars(select(User))).one()
    assert (ada.email_verified, ada.full_name, ada.last_login, ada.hashed_password) == (False, "", None, "?")


async def test_what_others_made_in_the_database_is_left_alone(database: Database, versions: Path) -> None:
    """PostGIS, another service or a database administrator may have tables, columns and indexes there."""
    theirs = (
        "CREATE TABLE spatial_ref_sys (srid INTEGER PRIMARY KEY)",
        "ALTER TABLE core_audit_entry ADD COLUMN theirs INTEGER",
        "CREATE INDEX theirs ON core_audit_entry (place)",
    )
    undo = (
        "DROP INDEX theirs",
        "ALTER TABLE core_audit_entry DROP COLUMN theirs",
        "DROP TABLE spatial_ref_sys",
    )
    await make_migration(database, "first")
    async with database.engine.begin() as connection:
        for statement in theirs:
            await connection.execute(text(statement))
    try:
        assert await is_in_step(database)
        assert await make_migration(database, "second") is None
    finally:
        async with database.engine.begin() as connection:
            for statement in undo:
                await connection.execute(text(statement))


OWN_TABLE = """
import sqlalchemy as sa
from alembic import op

revision = "0002_own"
down_revision = "0001_first"

def upgrade():
    op.create_table("own", sa.Column("id", sa.Integer()))
    op.add_column("core_audit_entry", sa.Column("own", sa.Integer()))
"""


async def test_each_drop_is_named(empty: Database, versions: Path) -> None:
    """Of a table that our own history made, and that no model has any more."""
    await make_migration(empty, "first")
    (versions / "0002_own.py").write_text(OWN_TABLE)
    said: list[str] = []

    path = await make_migration(empty, "third", report=said.append)

    assert sorted(said) == [
        "This migration drops the column core_audit_entry.own with all its values.",
        "This migration drops the table own with all its rows.",
    ]
    assert "drop_table('own')" in Path(str(path)).read_text()


async def test_the_scratch_database_is_gone_afterwards(
    empty: Database, versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = token_hex(8)  # other tests may make databases at the same time
    monkeypatch.setattr("app.core.db.migrations.scratch.token_hex", lambda _: name)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    await make_migration(empty, "first")

    assert f"scratch_{name}" not in " ".join(await databases(empty))


async def databases(database: Database) -> set[str]:
    if database.is_sqlite:
        return {path.name for path in Path(tempfile.gettempdir()).rglob("scratch_*")}
    async with database.engine.connect() as connection:
        return set(await connection.scalars(text("SELECT datname FROM pg_database")))


@needs_postgresql
async def test_a_role_that_may_not_make_databases_is_told_so(empty: Database, versions: Path) -> None:
    role = f"poor_{token_hex(4)}"
    async with empty.engine.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'"))
    poor = Database(empty.engine.url.set(username=role, password="poor"))
    try:
        with pytest.raises(ScratchRefused, match=f'run `ALTER ROLE "{role}" CREATEDB`'):
            await is_in_step(poor)
    finally:
        await poor.dispose()
        async with empty.engine.begin() as connection:
            await connection.execute(text(f"DROP ROLE {role}"))


async def test_an_empty_migration_is_written_on_request(empty: Database, versions: Path) -> None:
    await make_migration(empty, "data", empty=True)

    assert [file.name for file in versions.glob("*.py")] == ["0001_data.py"]
    await migrate(empty, report=silent)
