from pathlib import Path

from sqlalchemy import select, text

from app.accounts.models import User
from app.core.database import Database
from app.core.migrations import history, in_step, make_migration, migrate, pending


def silent(_: str) -> None: ...


async def test_the_models_ask_for_no_migration(database: Database) -> None:
    assert await in_step(database)


async def test_there_and_back(empty: Database) -> None:
    everything = await pending(empty)
    steps: list[str] = []

    await migrate(empty, report=steps.append)
    assert await pending(empty) == []
    await migrate(empty, "zero", report=steps.append)
    assert await pending(empty) == everything

    assert steps == [f"Applied {name}" for name in everything] + [f"Unapplied {name}" for name in reversed(everything)]


async def test_migrating_twice_does_nothing(empty: Database) -> None:
    await migrate(empty, report=silent)
    steps: list[str] = []

    await migrate(empty, report=steps.append)

    assert steps == []


async def test_a_migration_is_written_from_the_models(empty: Database, versions: Path) -> None:
    assert not await in_step(empty)

    path = await make_migration(empty, "first")

    assert path == str(versions / "0001_first.py")
    assert "accounts_user" in Path(path).read_text()
    await migrate(empty, report=silent)
    assert await in_step(empty)
    assert await make_migration(empty, "second") is None
    assert [(step.id, step.applied) for step in await history(empty)] == [("0001_first", True)]


async def test_rows_that_exist_get_the_default_of_a_new_column(empty: Database, versions: Path) -> None:
    """As in Django: otherwise the migration would fail where there are rows, and only there."""
    await make_migration(empty, "first")
    await migrate(empty, report=silent)
    async with empty.session() as db:
        db.add(User(username="ada", email="ada@example.com", hashed_password="!"))
        await db.commit()
    for column in ("email_verified", "full_name", "last_login", "hashed_password"):
        async with empty.engine.begin() as connection:
            await connection.execute(text("DROP INDEX IF EXISTS ix_accounts_user_last_login"))
            await connection.execute(text(f"ALTER TABLE accounts_user DROP COLUMN {column}"))
    said: list[str] = []

    path = await make_migration(empty, "second", report=said.append)

    (line,) = said
    assert line.startswith("accounts_user.hashed_password must have a value: ")
    written = Path(str(path))
    without = "'hashed_password', sa.String(length=255), "
    written.write_text(written.read_text().replace(without, without + "server_default='?', "))
    await migrate(empty, report=silent)
    assert await in_step(empty)
    async with empty.session() as db:
        ada = (await db.scalars(select(User))).one()
    assert (ada.email_verified, ada.full_name, ada.last_login, ada.hashed_password) == (False, "", None, "?")


async def test_an_empty_migration_is_written_on_request(empty: Database, versions: Path) -> None:
    await make_migration(empty, "data", empty=True)

    assert [file.name for file in versions.glob("*.py")] == ["0001_data.py"]
    await migrate(empty, report=silent)
