import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer

from app.core.cli.application import asynchronous, open_database
from app.core.cli.console import progress, say
from app.core.cli.errors import CommandError
from app.core.db import DumpError, dump_rows, load_rows, row_counts

cli = typer.Typer()


@cli.command(rich_help_panel="Database")
@asynchronous
async def dumpdata(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new file, for its owner alone.")] = None,
) -> None:
    """Print all rows as lines of JSON, for `loaddata`. They have hashes of passwords: keep them secret."""
    with _writing(output) as file:
        async with open_database() as database:
            lines = dump_rows(database)
            head = await anext(lines)  # it has the number of rows of each table
            file.write(head + "\n")
            with progress("Dumping", sum(json.loads(head)["rows"].values())) as advance:
                async for line in lines:
                    file.write(line + "\n")
                    advance(1)


def _writing(path: Path | None) -> "TextIO | nullcontext[TextIO]":
    if path is None:
        return nullcontext(sys.stdout)
    try:
        return os.fdopen(
            os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline="\n"
        )
    except OSError as error:
        raise CommandError(f"{path} cannot be made: {error.strerror}.") from None


@cli.command(rich_help_panel="Database")
@asynchronous
async def loaddata(
    file: Annotated[typer.FileText, typer.Argument(encoding="utf-8", help="What `dumpdata` printed; - for a pipe.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete the rows that are there without asking.")] = False,
) -> None:
    """Replace all rows of the database by those of a dump, also by one of another kind of database.

    Apply the same migrations first. If anything is wrong with the dump, nothing changes.
    """
    async with open_database() as database, database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        counts = {name: count for name, count in (await row_counts(connection)).items() if count}
        if counts and not yes:
            rows = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise CommandError(f"The database has rows: {rows}. To delete them all first, add --yes.")
        with progress("Loading") as advance:
            try:
                total = await load_rows(connection, file, advance)
            except DumpError as error:
                raise CommandError(f"{error} Nothing was changed.") from None
            await connection.commit()
    say(f"Loaded {total} rows.")
