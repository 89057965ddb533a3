import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.cli import CommandError
from app.core.commands import project
from app.core.commands.server import parse_address
from app.core.database import Database
from app.settings import Settings, get_settings
from tests.commands import call

SetVariable = Callable[[str, str], None]


@pytest.fixture
def set_variable(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[SetVariable]:
    """Change one setting for the commands that follow."""

    def set_variable(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield set_variable
    monkeypatch.undo()
    get_settings.cache_clear()


async def test_help_lists_the_commands_of_every_app() -> None:
    outcome = await call("--help")

    assert outcome.status == 0
    assert {"runserver", "migrate", "createsuperuser"} <= set(outcome.out.split())


async def test_a_mistyped_command_is_a_usage_error() -> None:
    outcome = await call("runservre")

    assert outcome.status == 2
    assert "No such command 'runservre'" in outcome.err


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
    assert (await call("migrate")).out == f"Applied {path.stem}\n"
    assert (await call("migrate", "zero")).out == f"Unapplied {path.stem}\n"


async def test_an_unknown_migration_is_one_line(database: Database) -> None:
    outcome = await call("migrate", "0999_never")

    assert outcome.status == 1
    assert outcome.err.startswith("Can't locate revision identified by '0999_never'")


async def test_a_bad_name_for_a_migration_is_one_line() -> None:
    outcome = await call("makemigrations", "--name", "../x")

    assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)


async def test_routes_and_openapi(database: Database) -> None:
    assert "/users/me" in (await call("routes")).out
    assert "/users/me" in json.loads((await call("openapi")).out)["paths"]


async def test_check(database: Database) -> None:
    assert await call("check") == (0, "No problems found.\n", "")


async def test_check_for_production(database: Database) -> None:
    outcome = await call("check", "--deploy")

    assert outcome.status == 1
    names = [line.partition(":")[0] for line in outcome.err.splitlines()]
    assert {"core.W001", "core.W004", "core.W006", "accounts.W001"} <= set(names)


async def test_an_unreachable_database_is_one_line(set_variable: SetVariable) -> None:
    set_variable("DATABASE_URL", "postgresql://localhost:1/none")

    outcome = await call("showmigrations")
    deploy = await call("check", "--deploy")

    assert outcome.status == 1
    assert outcome.err.startswith("The database cannot be reached: ")
    assert "core.E002" in deploy.err


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


async def test_initenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "BASE_DIR", tmp_path)

    assert (await call("initenv")).err.startswith(".env cannot be written")
    (tmp_path / ".env.example").write_text("SECRET_KEY=made-by-initenv\n")
    assert (await call("initenv")).out == "Wrote .env with new secrets.\n"
    assert (await call("initenv")).out == "There is a .env already; it stays as it is.\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
async def test_an_env_that_others_can_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database
) -> None:
    monkeypatch.setattr("app.core.checks.BASE_DIR", tmp_path)
    (tmp_path / ".env").touch(mode=0o644)

    assert (await call("check")).err.startswith("core.E001")


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("8000", ("127.0.0.1", 8000)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 (parsed, not bound)
        ("[::1]:8000", ("::1", 8000)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses_of_runserver(address: str, parsed: tuple[str, int]) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize("address", ["", "http", "host:", ":80", "1:2:3", "70000", "-1"])
def test_a_wrong_address_is_one_line(address: str) -> None:
    with pytest.raises(CommandError, match="HOST"):
        parse_address(address)
