import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.cli.application import load_application
from app.core.cli.commands.shell import psql
from app.core.db import Database
from app.core.settings import TITLE, parse_database_url
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control


async def test_a_command_knows_the_models_and_may_await(user: User) -> None:
    read = "print((await db.scalars(select(User.username))).all(), settings.environment, app.title)"

    assert await call("shell", "--command", read) == (0, f"['alice'] test {TITLE}\n", "")


async def test_a_script_comes_through_a_pipe(user: User, db: AsyncSession) -> None:
    script = """
async def first(query):
    return (await db.scalars(query)).first()

alice = await first(select(User))
alice.full_name = "Alice"
await db.commit()
"""
    assert await call("shell", stdin=script) == (0, "", "")

    await db.refresh(user)
    assert user.full_name == "Alice"


async def test_what_is_not_committed_is_forgotten(user: User, db: AsyncSession) -> None:
    await call("shell", "-c", "(await db.scalars(select(User))).one().full_name = 'Alice'; await db.flush()")

    await db.refresh(user)
    assert user.full_name == ""


async def test_the_application_has_begun_and_ends_with_the_shell(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        steps.append("begun")
        yield
        steps.append("ended")

    monkeypatch.setattr(load_application().router, "lifespan_context", lifespan)
    with pytest.raises(ZeroDivisionError):
        await call("shell", "-c", "1 / 0")

    assert steps == ["begun", "ended"]


async def test_an_application_that_cannot_begin_says_why(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise ConnectionRefusedError("nobody listens")
        yield

    monkeypatch.setattr(load_application().router, "lifespan_context", lifespan)
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        await call("shell", "-c", "print('never')")


@needs_terminal
async def test_the_console_awaits_and_goes_on_after_an_error(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.cli.commands.shell.find_spec", lambda name: None)  # even if IPython is installed
    typed = "x = await db.scalar(select(User.username))\nx.upper()\nnope\n1 +\nexit()\n"

    seen = without_control((await call_on_terminal("shell", typed=typed)).out)

    names = re.search(r"(\w+(,\s+\w+)*)\. `await` works anywhere\. exit\(\) ends the shell\.\n", seen)
    assert names
    assert {"Session", "User", "app", "db", "select", "settings"} <= set(re.findall(r"\w+", names[1]))
    assert "'ALICE'\n" in seen
    assert "NameError: name 'nope' is not defined" in seen
    assert "SyntaxError: invalid syntax\n" in seen
    assert "runners.py" not in seen


@needs_terminal
async def test_ipython_is_used_where_it_is_installed(user: User) -> None:
    pytest.importorskip("IPython")

    seen = (await call_on_terminal("shell", typed="(await db.scalar(select(User.username))).upper()\nexit()\n")).out

    assert "'ALICE'" in without_control(seen)


@pytest.mark.parametrize(
    ("address", "parameters", "variables"),
    [
        ("postgresql:///name", {"dbname": "name"}, {}),
        (
            "postgresql://u:p%40ss@h:55/name?sslmode=require&options=-c%20a%3Db",
            {"host": "h", "port": "55", "user": "u", "dbname": "name", "sslmode": "require", "options": "-c a=b"},
            {"PGPASSWORD": "p@ss"},
        ),
        (
            "postgresql://h1,h2:5433/name?user=u&password=p&sslpassword=q&target_session_attrs=read-write",
            {"host": "h1,h2", "port": ",5433", "user": "u", "dbname": "name", "target_session_attrs": "read-write"},
            {"PGPASSWORD": "p"},
        ),
    ],
)
def test_psql_is_told_all_that_the_address_says(
    address: str, parameters: dict[str, str], variables: dict[str, str]
) -> None:
    (program, option, conninfo), environment = psql(parse_database_url(address))

    assert (program, option, environment) == ("psql", "--dbname", variables)
    assert conninfo_to_dict(conninfo) == parameters


@needs_terminal
async def test_a_password_is_not_on_the_command_line(
    set_variable: SetVariable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "psql").write_text('#!/bin/sh\necho "$# $*"\necho "$PGPASSWORD"\nexit 3\n')
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    set_variable("DATABASE_URL", "postgresql://u:hush@h/name")

    assert (await call("dbshell", "--", "-c", "SELECT 1")).status == 3
    assert capfd.readouterr().out == "4 --dbname host=h dbname=name user=u -c SELECT 1\nhush\n"


async def test_a_client_that_is_not_installed_is_one_line(
    set_variable: SetVariable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    set_variable("DATABASE_URL", "postgresql://h/name")

    assert await call("dbshell") == (1, "", "psql is not installed, or not on the PATH.")


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 is not installed")
async def test_dbshell_opens_the_file(
    set_variable: SetVariable, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    set_variable("DATABASE_URL", f"sqlite:///{tmp_path / 'x.sqlite3'}")

    assert (await call("dbshell", "SELECT 40 + 2")).status == 0
    assert capfd.readouterr().out == "42\n"
