import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.main import get_group

import app
from app.core import registry
from app.core.commands import declared
from app.core.database import Database
from app.settings import BASE_DIR
from tests.commands import call
from tests.core.commands.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control

COMMANDS = """
import typer

import nothing_of_that_name

cli = typer.Typer()


@cli.command()
def greet_all() -> None:
    \"\"\"Greet everybody.\"\"\"


@cli.command("wave")
def other() -> None:
    \"\"\"Wave a hand.\"\"\"


def helper() -> None: ...
"""


async def test_help_lists_the_commands_of_every_app() -> None:
    outcome = await call("--help")

    assert (outcome.status, outcome.err) == (0, "")
    assert {"runserver", "migrate", "createsuperuser"} <= set(outcome.out.split())
    assert "..." not in outcome.out.replace("[ARGS]...", "")


def test_what_the_source_tells_is_what_the_modules_have() -> None:
    told = {(command.module, command.name) for command in declared()}

    modules = {module for module, _ in told} | set(registry.module_names("commands"))
    assert told == {(module, name) for module in modules for name in get_group(import_module(module).cli).commands}


async def test_every_command_and_every_option_has_a_sentence() -> None:
    commands = list(declared())

    for command in commands:
        assert command.help, command.name
        group = get_group(import_module(command.module).cli)
        for parameter in group.commands[str(command.name)].params:
            assert getattr(parameter, "help", None), (command.name, parameter.name)


def test_help_loads_nothing_that_only_a_command_needs() -> None:
    heavy = ("sqlalchemy", "fastapi", "alembic", "pydantic", "uvicorn", "rich")
    code = f"""
import sys
from app.core.commands import main
try:
    main(["--help"])
except SystemExit:
    sys.exit(" ".join(name for name in {heavy} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=BASE_DIR, capture_output=True, text=True)

    assert "runserver" in done.stdout
    assert done.stderr.strip() == ""


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
async def test_a_module_that_cannot_be_imported_breaks_only_its_own_commands() -> None:
    lines = (await call("--help")).out.splitlines()

    assert [line.split(maxsplit=1) for line in lines if "Greet" in line or "Wave" in line] == [
        ["greet-all", "Greet everybody."],
        ["wave", "Wave a hand."],
    ]
    assert (await call("check")).status == 0
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        await call("wave")


@needs_terminal
async def test_on_a_terminal_commands_stand_under_headings() -> None:
    lines = without_control((await call_on_terminal("--help")).out).splitlines()

    headings = [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]
    assert headings[:3] == ["Options", "Server", "Worker"]
    assert headings[-1] == "Accounts"


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

    assert outcome == (1, "", "The database lacks a table or a column: run `python manage.py migrate`.")


async def test_a_wrong_setting_is_one_line(set_variable: SetVariable) -> None:
    set_variable("SECRET_KEY", "short")

    outcome = await call("check")

    assert outcome.status == 1
    assert outcome.err.startswith("SECRET_KEY: is shorter than 32 bytes.")


async def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        await call("shell", "--command", "1 / 0")
