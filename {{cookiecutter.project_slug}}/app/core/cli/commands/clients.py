"""Commands that run the database's own programs."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import URL

from app.core.cli.application import asynchronous, open_database
from app.core.cli.console import say
from app.core.cli.errors import CommandError
from app.core.db import row_counts
from app.settings import get_settings

cli = typer.Typer()

SQLITE, POSTGRESQL = b"SQLite format 3", b"PGDMP"  # what their files begin with


@cli.command(rich_help_panel="Database")
def dbshell(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments for the client, for example `dbshell -- -c 'SELECT 1'`.")
    ] = None,
) -> None:
    """Open the client of the database, sqlite3 or psql."""
    url = get_settings().database_url
    command, variables = (["sqlite3", str(url.database)], {}) if is_sqlite(url) else client("psql", url)
    raise typer.Exit(_call([*command, *(arguments or ())], variables))


@cli.command(rich_help_panel="Database")
def backup(file: Annotated[Path, typer.Argument(help="A new file, which only its owner can read.")]) -> None:
    """Copy the database into a file, while the service runs. With PostgreSQL, by pg_dump."""
    url = get_settings().database_url
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise CommandError(f"{file} cannot be made: {error.strerror}.") from None
    try:
        if is_sqlite(url):
            _copy(Path(str(url.database)), file)
        else:
            _run("pg_dump", url, "--format=custom", f"--file={file}")
    except BaseException:
        file.unlink()
        raise
    say(f"Wrote {file}.")


@cli.command(rich_help_panel="Database")
@asynchronous
async def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `backup` made.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what is there without asking.")] = False,
) -> None:
    """Replace the database with a backup. Stop the service first. With PostgreSQL, by pg_restore."""
    url = get_settings().database_url
    with file.open("rb") as opened:
        if not opened.read(16).startswith(SQLITE if is_sqlite(url) else POSTGRESQL):
            raise CommandError(f"{file} is not a backup of {'SQLite' if is_sqlite(url) else 'PostgreSQL'}.")
    if not yes and (count := await _row_count()):
        raise CommandError(f"The database has {count} rows. To replace them, add --yes.")
    if is_sqlite(url):
        _copy(file, Path(str(url.database)))
    else:
        _run("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", str(file))
    say(f"Restored {file}.")


async def _row_count() -> int:
    async with open_database() as database, database.engine.connect() as connection:
        return sum((await row_counts(connection)).values())


def _copy(source: Path, target: Path) -> None:
    """Copy one state of a database that others may use meanwhile."""
    try:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)
    except sqlite3.Error as error:
        raise CommandError(f"{source} cannot be copied to {target}: {error}.") from None


def _run(program: str, url: URL, *arguments: str) -> None:
    command, variables = client(program, url)
    if (status := _call([*command, *arguments], variables)) != 0:
        raise CommandError(f"{program} failed with exit status {status}. Nothing was changed.")


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def client(program: str, url: URL) -> tuple[list[str], dict[str, str]]:
    """Return the command and its environment. Every user of the machine could read a password on a command line."""
    from psycopg.conninfo import make_conninfo

    from app.core.settings import libpq_parameters

    parameters = libpq_parameters(url)
    password = parameters.pop("password", None)
    parameters.pop("sslpassword", None)  # has no variable: the program asks for it
    return [program, "--dbname", make_conninfo(**parameters)], {"PGPASSWORD": password} if password else {}


def _call(command: list[str], variables: dict[str, str]) -> int:
    """Return the exit status of the command."""
    program = shutil.which(command[0])
    if program is None:
        raise CommandError(f"{command[0]} is not installed, or not on the PATH.")
    with subprocess.Popen([program, *command[1:]], env={**os.environ, **variables}) as process:
        while True:
            with suppress(KeyboardInterrupt):  # Ctrl-C is for the client: it ends a query there
                return process.wait()
