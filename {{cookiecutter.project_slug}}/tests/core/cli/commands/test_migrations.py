from pathlib import Path

import pytest
from sqlalchemy import inspect

from app.core.db import Database
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control


async def test_migrate_and_showmigrations(database: Database) -> None:
    assert await call("migrate") == (0, "Nothing to migrate.\n", "")
    assert "[X] accounts_0001_initial\n" in (await call("showmigrations")).out
    assert (await call("makemigrations", "--check")).out == "No changes detected.\n"
    assert (await call("makemigrations")).out == "No changes detected.\n"


async def test_a_migration_from_the_first_to_the_last_step(
    set_variable: SetVariable, empty: Database, versions: Path
) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))

    assert await call("makemigrations", "--check") == (
        1,
        "",
        "The models have changed: run `python manage.py makemigrations`.",
    )
    assert (await call("makemigrations")).out.startswith("Wrote ")
    (path,) = versions.glob("*.py")
    assert path.name.startswith("0001_auto_")
    assert (await call("showmigrations")).out == f"[ ] {path.stem}\n"
    assert (await call("check", "--deploy")).err.startswith("core.E003")
    assert (await call("makemigrations")).out == "No changes detected.\n"
    assert await call("migrate") == (0, f"Applied {path.stem}\n", "")
    assert (await call("migrate", "0001")).out == "Nothing to migrate.\n"
    assert (await call("migrate", "zero")).out == f"Unapplied {path.stem}\n"
    await call("makemigrations", "--empty", "--name", "one")
    await call("makemigrations", "--empty", "--name", "two")
    await call("migrate")
    assert (await call("migrate", "0002")).out == "Unapplied 0003_two\n"
    assert (await call("migrate", "00")).err.startswith("Several migrations begin with '00', for example ")
    assert "'0009'" in (await call("migrate", "0009")).err


@pytest.mark.usefixtures("versions")
async def test_migrate_says_where_migrations_are_written_that_one_is_missing(
    set_variable: SetVariable, empty: Database
) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))
    assert (await call("migrate")).out == "Nothing to migrate.\n"

    set_variable("ENVIRONMENT", "local")
    assert (await call("migrate")).out.splitlines() == [
        "Nothing to migrate.",
        "The models have changed: run `python manage.py makemigrations`, then `migrate` again.",
    ]


FAULTY = """
import sqlalchemy as sa
from alembic import op

revision = "0001_faulty"
down_revision = None

def upgrade():
    op.create_table("sound", sa.Column("id", sa.Integer()))
    op.execute("INSERT INTO sound VALUES (1)")
    op.add_column("sound", sa.Column("name", sa.String(9)))
    op.create_table("sound", sa.Column("id", sa.Integer()))
"""


async def test_of_a_migration_that_fails_nothing_stays(
    set_variable: SetVariable, empty: Database, versions: Path
) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))
    (versions / "0001_faulty.py").write_text(FAULTY)

    for _ in range(2):
        outcome = await call("migrate")
        assert (outcome.status, outcome.out, len(outcome.err.splitlines())) == (1, "", 1)
        assert "its transaction was undone" in outcome.err
        assert "already exists" in outcome.err
    async with empty.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).has_table("sound")) is False
    outcome = await call("makemigrations")
    assert (outcome.status, outcome.out, len(outcome.err.splitlines())) == (1, "", 1)
    assert outcome.err.startswith("A migration fails on an empty database")


async def test_a_missing_file_is_one_line(database: Database, versions: Path) -> None:
    """As after a merge in git without the other developer's file."""
    (versions / "0002_mine.py").write_text('revision = "0002_mine"\ndown_revision = "0001_theirs"\n')

    for command in ("migrate", "makemigrations", "showmigrations"):
        outcome = await call(command)
        assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)
        assert "The file of a migration is missing. Revision 0001_theirs referenced from" in outcome.err


async def test_histories_that_grew_side_by_side_are_merged(
    set_variable: SetVariable, empty: Database, versions: Path
) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))
    assert (await call("makemigrations", "--merge")).out == "No changes detected.\n"
    await call("makemigrations", "--name", "first")
    await call("migrate")
    await call("makemigrations", "--empty", "--name", "theirs")
    theirs = versions / "0002_theirs.py"
    ours = versions / "0002_ours.py"
    ours.write_text(theirs.read_text().replace("theirs", "ours"))

    for command in (["migrate"], ["makemigrations"]):
        outcome = await call(*command)
        assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)
        assert "makemigrations --merge" in outcome.err
    assert (await call("makemigrations", "--merge")).out.startswith(f"Wrote {versions / '0004_merge.py'}")
    applied = (await call("migrate")).out.split()[1::2]
    assert sorted(applied) == ["0002_ours", "0002_theirs", "0004_merge"]
    assert (await call("makemigrations")).out == "No changes detected.\n"


@needs_terminal
async def test_on_a_terminal_migrate_shows_that_it_goes_on(set_variable: SetVariable, empty: Database) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))

    seen = without_control((await call_on_terminal("migrate")).out)

    assert "Migrating 0:00:0" in seen
    assert "Applied accounts_0001_initial\n" in seen


async def test_an_unknown_migration_is_one_line(database: Database) -> None:
    outcome = await call("migrate", "0999_never")

    assert outcome.status == 1
    assert outcome.err.startswith("Can't locate revision identified by '0999_never'")


@pytest.mark.parametrize("name", ["../x", "", "Add Bio", "a" * 28])
async def test_a_bad_name_for_a_migration_is_one_line(name: str) -> None:
    outcome = await call("makemigrations", "--name", name)

    assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)


async def test_a_database_that_is_newer_than_the_code_is_one_line(
    set_variable: SetVariable, empty: Database, versions: Path
) -> None:
    """This happens after a rollback of the code, or a switch to another branch."""
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))
    await call("makemigrations", "--name", "first")
    await call("makemigrations", "--empty", "--name", "newer")
    await call("migrate")
    (versions / "0002_newer.py").unlink()

    for command in ("migrate", "migrate zero", "showmigrations", "check --deploy --fail-level error"):
        outcome = await call(*command.split())
        told = [line for line in outcome.err.splitlines() if "0002_newer" in line]
        assert (outcome.status, len(told)) == (1, 1), outcome
        assert "this code does not have (0002_newer)" in told[0]
    assert (await call("makemigrations")).out == "No changes detected.\n"
