import shutil
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from app.core.cli.commands.clients import client
from app.core.settings import parse_database_url
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.terminal import needs_terminal


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
    (program, option, conninfo), environment = client("psql", parse_database_url(address))

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
