import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import app
from app.core import registry
from app.core.db import Database
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control

COMMANDS = """
import typer

cli = typer.Typer()


@cli.command()
def greet_all() -> None:
    \"\"\"Greet everybody.\"\"\"


@cli.command("wave")
def other() -> None:
    \"\"\"Wave a hand.\"\"\"
    print("Hello.")
"""


async def test_help_lists_the_commands_of_every_app() -> None:
    outcome = await call("--help")

    assert (outcome.status, outcome.err) == (0, "")
    assert {"runserver", "migrate", "createsuperuser"} <= set(outcome.out.split())
    assert "..." not in outcome.out.replace("[ARGS]...", "")


async def test_every_command_and_every_option_has_a_sentence() -> None:
    commands = (await call("--help")).out.partition("Commands:\n")[2].splitlines()

    for name, *sentence in map(str.split, commands):
        assert sentence, name
        for row in described((await call(name, "--help")).out):
            assert (len(row), row[-1].startswith("[")) == (2, False), (name, row)


def described(help_text: str) -> list[list[str]]:
    """Return the arguments and options with their help texts."""
    unfolded = re.sub(r"\n {4,}", "  ", help_text)
    rows = [line for line in unfolded.splitlines() if re.match(r"  (-|\S+ <)", line)]
    return [re.split(" {2,}", row.strip(), maxsplit=1) for row in rows]


@pytest.fixture
def _waving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "waving").mkdir()
    (tmp_path / "waving" / "__init__.py").touch()
    (tmp_path / "waving" / "commands.py").write_text(COMMANDS)
    monkeypatch.setattr(app, "__path__", [*app.__path__, str(tmp_path)])
    registry.installed_apps.cache_clear()
    yield
    registry.installed_apps.cache_clear()


@pytest.mark.usefixtures("_waving")
async def test_an_app_brings_commands() -> None:
    lines = (await call("--help")).out.splitlines()

    assert [line.split(maxsplit=1) for line in lines if "Greet" in line or "Wave" in line] == [
        ["greet-all", "Greet everybody."],
        ["wave", "Wave a hand."],
    ]
    assert (await call("wave")) == (0, "Hello.\n", "")


@pytest.mark.usefixtures("_waving")
async def test_check_runs_and_names_commands_that_cannot_be_imported(database: Database, tmp_path: Path) -> None:
    (tmp_path / "halting").mkdir()
    (tmp_path / "halting" / "__init__.py").touch()
    (tmp_path / "halting" / "commands.py").write_text("import no_such_package")

    outcome = await call("check")

    assert (outcome.status, outcome.out) == (1, "")
    place = "app/halting/commands.py:1: ModuleNotFoundError: "
    assert outcome.err.startswith(f"core.E009: app.halting.commands cannot be imported: {place}")
    with pytest.raises(ModuleNotFoundError):
        await call("diffsettings")


@needs_terminal
async def test_on_a_terminal_commands_stand_under_headings() -> None:
    lines = without_control((await call_on_terminal("--help")).out).splitlines()

    headings = [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]
    ours = ["Options", "Server", "Database", "Project", "Accounts"]
    assert [heading for heading in headings if heading in ours] == ours  # apps bring others


async def test_a_mistyped_command_is_a_usage_error() -> None:
    outcome = await call("runservre")

    assert outcome.status == 2
    assert "No such command 'runservre'. Did you mean 'runserver'?" in outcome.err


async def test_an_unreachable_database_is_one_line(set_variable: SetVariable) -> None:
    set_variable("DATABASE_URL", "postgresql://localhost:1/none")

    outcome = await call("showmigrations")

    assert (outcome.status, outcome.out, len(outcome.err.splitlines())) == (1, "", 1)
    assert outcome.err.startswith("The database cannot be reached: ")


async def test_missing_tables_are_one_line(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE accounts_user RENAME TO away"))
    try:
        outcome = await call("changepassword", "alice")
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE away RENAME TO accounts_user"))

    assert outcome == (1, "", "A table or a column is missing in the database. Run `python manage.py migrate`.")


async def test_a_wrong_setting_is_one_line(set_variable: SetVariable) -> None:
    set_variable("SECRET_KEY", "short")

    outcome = await call("check")

    assert outcome.status == 1
    assert outcome.err.startswith("SECRET_KEY: is shorter than 32 bytes.")


async def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        await call("shell", "--command", "1 / 0")
