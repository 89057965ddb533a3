from pathlib import Path

import pytest

from app.core.database import Database
from tests.commands import call
from tests.core.commands.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control


async def test_migrate_and_showmigrations(database: Database) -> None:
    assert await call("migrate") == (0, "Nothing to migrate.\n", "")
    assert (await call("showmigrations")).out.startswith("[X] 0001_initial\n")
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
    assert (await call("makemigrations")).err.startswith("Target database is not up to date")
    assert await call("migrate") == (0, f"Applied {path.stem}\n", "")
    assert (await call("migrate", "zero")).out == f"Unapplied {path.stem}\n"


@needs_terminal
async def test_on_a_terminal_migrate_shows_that_it_goes_on(set_variable: SetVariable, empty: Database) -> None:
    set_variable("DATABASE_URL", empty.engine.url.render_as_string(hide_password=False))

    seen = without_control((await call_on_terminal("migrate")).out)

    assert "Migrating 0:00:0" in seen
    assert "Applied 0001_initial\n" in seen


async def test_an_unknown_migration_is_one_line(database: Database) -> None:
    outcome = await call("migrate", "0999_never")

    assert outcome.status == 1
    assert outcome.err.startswith("Can't locate revision identified by '0999_never'")


@pytest.mark.parametrize("name", ["../x", "", "Add Bio", "a" * 28])
async def test_a_bad_name_for_a_migration_is_one_line(name: str) -> None:
    outcome = await call("makemigrations", "--name", name)

    assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)
