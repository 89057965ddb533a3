import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.cli.commands.clients import client
from app.core.db import Database
from app.core.settings import parse_database_url
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.databases import SERVER
from tests.terminal import needs_terminal

has_programs = pytest.mark.skipif(
    SERVER is not None and not (shutil.which("pg_dump") and shutil.which("pg_restore")),
    reason="PostgreSQL's programs are not installed",
)


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


async def test_a_cut_backup_changes_nothing(database: Database, user: User, db: AsyncSession, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    if database.is_sqlite:
        with closing(sqlite3.connect(tmp_path / "whole")) as whole, whole:
            whole.execute("CREATE TABLE one (two)")
            whole.executemany("INSERT INTO one VALUES (?)", [("x" * 999,)] * 99)
    content = (tmp_path / "whole").read_bytes() if database.is_sqlite else b"PGDMP" + bytes(99)
    file.write_bytes(content[: len(content) // 2])

    assert (await call("restore", "--yes", str(file))).status == 1

    assert await db.scalar(select(User.username)) == user.username


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
