from pathlib import Path
from typing import Annotated

import typer

from app.core.cli.application import asynchronous, open_database
from app.core.cli.commands.backups import postgresql, sqlite
from app.core.cli.commands.clients import is_sqlite
from app.core.cli.console import say
from app.core.cli.errors import CommandError
from app.core.cli.files import new_file
from app.core.db import known_migrations, row_count
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Database")
def backup(file: Annotated[Path, typer.Argument(help="A new file, which only its owner can read.")]) -> None:
    """Copy the database into a file, while the service runs. With PostgreSQL, by pg_dump."""
    url = get_settings().database_url
    with new_file(file):
        if is_sqlite(url):
            sqlite.copy(Path(str(url.database)), file)
        else:
            postgresql.dump(url, file)
    say(f"Wrote {file}.")


@cli.command(rich_help_panel="Database")
@asynchronous
async def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `backup` made.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what is there without asking.")] = False,
) -> None:
    """Replace the database with a backup. Stop the service first. With PostgreSQL, by pg_restore."""
    url = get_settings().database_url
    kind = sqlite if is_sqlite(url) else postgresql
    with file.open("rb") as opened:
        if not opened.read(16).startswith(kind.MAGIC):
            raise CommandError(f"{file} is not a backup of {kind.NAME}.")
    names = kind.migrations(file)
    _check_migrations(file, names)
    if not yes and (count := await _row_count()):
        raise CommandError(f"The database has {count} rows. To replace them, add --yes.")
    if is_sqlite(url):
        sqlite.copy(file, Path(str(url.database)))
    else:
        await postgresql.restore(url, file, names)
    say(f"Restored {file}.")


def _check_migrations(file: Path, names: set[str]) -> None:
    if not names:
        raise CommandError(f"{file} is not a backup of this project: it names no migrations. Nothing was changed.")
    if unknown := names - known_migrations():
        raise CommandError(
            f"{file} has migrations that this code does not have ({', '.join(sorted(unknown))}): it is a backup of "
            "another project, or of other code of this one. Restore it with that code. Nothing was changed."
        )


async def _row_count() -> int:
    async with open_database() as database, database.engine.connect() as connection:
        return await row_count(connection)
