import json
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, aclosing, nullcontext
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated, TextIO

import typer

from app.core.audit import count_old_entries, delete_old_entries
from app.core.cli.application import asynchronous, open_database
from app.core.cli.console import print_table, progress, say
from app.core.cli.errors import CommandError
from app.core.cli.files import new_file
from app.core.cli.fixtures import find_file, is_fixture, load_fixture
from app.core.cli.labels import label_of
from app.core.cli.seeding import Seeder, chosen, find_factories, in_order, without_factory
from app.core.db import DumpError, dump_rows, is_dump, load_rows, row_counts, utcnow
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Database")
@asynchronous
async def dumpdata(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file, which only its owner can read.")
    ] = None,
) -> None:
    """Print all rows as lines of JSON, for `loaddata`. They have hashes of passwords: keep them secret."""
    if output is None:
        return await _dump(sys.stdout)
    with new_file(output):
        try:
            with output.open("w", encoding="utf-8", newline="\n") as file:
                await _dump(file)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    return None


async def _dump(file: TextIO) -> None:
    async with open_database() as database, aclosing(dump_rows(database)) as lines:
        head = await anext(lines)  # it has the number of rows of each table
        file.write(head + "\n")
        with progress("Dumping", sum(json.loads(head)["rows"].values())) as advance:
            async for line in lines:
                file.write(line + "\n")
                advance(1)


@cli.command(rich_help_panel="Database")
@asynchronous
async def loaddata(
    file: Annotated[
        str, typer.Argument(help="A dump of `dumpdata`, or a fixture: its path or its name. - reads standard input.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="With a dump: delete what is there without asking.")] = False,
) -> None:
    """Load a dump, which replaces all rows, or a fixture, which adds rows.

    A dump can come from the other kind of database. Apply the same migrations first.

    A fixture is written by hand, with a line for each row: see docs/backups.md. `loaddata countries` loads
    app/*/fixtures/countries.jsonl.

    If anything is wrong with the file, nothing changes.
    """
    try:
        with _reading(file) as lines:
            first = next(lines, "")
            if is_fixture(first):
                total = await _add_rows(enumerate(chain([first], lines), 1))
            elif is_dump(first):
                total = await _replace_rows(chain([first], lines), replace=yes)
            else:
                raise CommandError("This is neither a dump nor a fixture: see docs/backups.md. Nothing was changed.")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not a text in UTF-8. Nothing was changed.") from None
    say(f"Loaded {total} rows.")


def _reading(file: str) -> AbstractContextManager[TextIO]:
    if file == "-":
        return nullcontext(typer.get_text_stream("stdin", encoding="utf-8"))
    return find_file(file).open(encoding="utf-8")


async def _add_rows(lines: Iterable[tuple[int, str]]) -> int:
    async with open_database() as database, database.session() as db:
        total = await load_fixture(db, lines)
        await db.commit()
    return total


async def _replace_rows(lines: Iterable[str], *, replace: bool) -> int:
    async with open_database() as database, database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        counts = {name: count for name, count in (await row_counts(connection)).items() if count}
        if counts and not replace:
            rows = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise CommandError(f"The database has rows: {rows}. To delete them all first, add --yes.")
        with progress("Loading") as advance:
            try:
                total = await load_rows(connection, lines, advance)
            except DumpError as error:
                raise CommandError(f"{error} Nothing was changed.") from None
            await connection.commit()
    return total


@cli.command(rich_help_panel="Database")
@asynchronous
async def seed(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="For example `blog.Post`. Default: users, groups, and your models."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="New rows of each model.")] = 10,
    seed: Annotated[
        int | None, typer.Option(help="A number for the random generator. The same one makes the same rows.")
    ] = None,
) -> None:
    """Add invented rows for development. The factories of the tests make them. It never runs in production.

    Rows refer to each other and to those that are there. What is unique stays unique, so you can call it again.
    """
    if get_settings().environment == "production":
        raise CommandError("`seed` is never for production: it makes invented rows, and users with a known password.")
    async with open_database() as database, database.session() as db:
        # Now, because the import of tests may change the settings.
        base, factories = find_factories()
        wanted = list(in_order(chosen(factories, models or [])))
        if seed is not None:
            base.seed_random(seed)
        seeder = Seeder(db, factories, base.__random__)
        with progress("Seeding", len(wanted) * count) as advance:
            for factory in wanted:
                for _ in range(count):
                    await seeder.add(factory)
                    advance(1)
        await db.commit()
    print_table(("Model", "New rows"), [(label_of(each.__model__), str(made)) for each, made in seeder.made.items()])
    for factory in seeder.made:
        if factory.__seed_note__:
            print(factory.__seed_note__)
    if not models and (bare := without_factory(factories)):
        print(f"No rows of {', '.join(bare)}: write a factory for each, see docs/testing.md.")


@cli.command(rich_help_panel="Database")
@asynchronous
async def flushauditlog() -> None:
    """Delete old entries of the audit log now, see AUDIT_LOG_DAYS. A periodic task does this every hour."""
    days, deleted = get_settings().audit_log_days, 0
    if not days:
        raise CommandError("AUDIT_LOG_DAYS is 0, so all entries are kept. Set it, for example to 365.")
    before = utcnow() - timedelta(days=days)
    async with open_database() as database, database.session() as db:
        with progress("Deleting entries", await count_old_entries(db, before)) as advance:
            async for count in delete_old_entries(db, before):
                advance(count)
                deleted += count
    print(f"{deleted} entries deleted.")
