"""Runs the database's own programs."""

import os
import shutil
import subprocess
from contextlib import suppress
from typing import Annotated

import typer
from sqlalchemy import URL

from app.core.cli.errors import CommandError
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Database")
def dbshell(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments for the client, for example `dbshell -- -c 'SELECT 1'`.")
    ] = None,
) -> None:
    """Open the client of the database, sqlite3 or psql."""
    url = get_settings().database_url
    command, variables = (["sqlite3", str(url.database)], {}) if is_sqlite(url) else client("psql", url)
    raise typer.Exit(call([*command, *(arguments or ())], variables))


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


def installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise CommandError(f"{program} is not installed, or not on the PATH.")
    return path


def call(command: list[str], variables: dict[str, str]) -> int:
    """Return the exit status of the command."""
    program = installed(command[0])
    with subprocess.Popen([program, *command[1:]], env={**os.environ, **variables}) as process:
        while True:
            with suppress(KeyboardInterrupt):  # Ctrl-C is for the client: it ends a query there
                return process.wait()
