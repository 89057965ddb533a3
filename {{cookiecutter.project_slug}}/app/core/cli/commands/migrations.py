import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from app.core.cli.application import asynchronous, open_database
from app.core.cli.console import progress, say
from app.core.cli.errors import CommandError
from app.core.db import (
    NEWEST,
    PROJECT,
    Database,
    ScratchRefused,
    is_away,
    is_in_step,
    make_migration,
    merge_migrations,
    migration_history,
)
from app.core.db import migrate as move
from app.core.settings import BASE_DIR
from app.settings import get_settings

cli = typer.Typer()

IN_SCRATCH = "A migration fails on an empty database, so there is nothing to compare the models with"
NAME = re.compile(r"[a-z0-9_]{1,27}")  # with its number, it fits into Alembic's column of 32 characters


@cli.command(rich_help_panel="Database")
@asynchronous
async def migrate(
    target: Annotated[
        str,
        typer.Argument(
            help="Go to this one, forward or back: 0003_add_bio, or 0003. `zero` undoes all, `blog@zero` one history."
        ),
    ] = NEWEST,
) -> None:
    """Apply the migrations to the database."""
    async with open_database() as database:
        with progress("Migrating"), failures("The migration failed, and its transaction was undone"):
            steps = await move(database, target)
        if steps == 0:
            print("Nothing to migrate.")
            if target == NEWEST and await _has_changed_models(database):
                print("The models have changed: run `python manage.py makemigrations`, then `migrate` again.")


async def _has_changed_models(database: Database) -> bool:
    """Ask only where migrations are written: a server may not be allowed to make the scratch database."""
    if get_settings().environment != "local":
        return False
    with suppress(ScratchRefused, DBAPIError):
        return not await is_in_step(database)
    return False


@contextmanager
def failures(text: str) -> Iterator[None]:
    """Report an error of a migration in one line."""
    try:
        yield
    except DBAPIError as error:
        if is_away(error):
            raise
        raise CommandError(f"{text}: {error.orig}.") from None


@cli.command(rich_help_panel="Database")
@asynchronous
async def makemigrations(
    name: Annotated[str | None, typer.Option("--name", "-n", help="What it does, for example `add_bio`.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if one is missing.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Make one without operations, to move data.")] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge conflicting migrations that two developers made.")
    ] = False,
    app: Annotated[
        str | None,
        typer.Option("--app", help="For maintainers of an app that others use: write into the app's own history."),
    ] = None,
) -> None:
    """Write a migration for the changes in the models of all apps. Read it, then run `migrate`.

    It compares the models with a scratch database that the migrations make. So your own database may be in any state.

    For example: `makemigrations --name add_bio`.
    """
    if check:
        return await _check()
    if merge:
        path = merge_migrations(_valid_name(name or "merge"))
    else:
        history = PROJECT if app is None else _own_history(app)
        async with open_database() as database:
            with failures(IN_SCRATCH):
                path = await make_migration(database, _valid_name(name), history=history, empty=empty, report=say)
    if path is None:
        print("No changes detected.")
        return
    format_files(Path(path))
    print(f"Wrote {path}: read it before you apply it.")


async def _check() -> None:
    async with open_database() as database:
        with failures(IN_SCRATCH):
            if not await is_in_step(database):
                raise CommandError("The models have changed: run `python manage.py makemigrations`.")
    print("No changes detected.")


def _own_history(app: str) -> str:
    """Return the label of an app, or of a room of core, which gets a folder for it."""
    folder = BASE_DIR / "app" / app.replace(".", "/")
    if not (folder / "__init__.py").exists():
        raise CommandError(f"There is no app {app!r}. For a package of core, write `core.audit`.")
    (folder / "migrations").mkdir(exist_ok=True)
    return app.replace(".", "_")


def _valid_name(name: str | None) -> str:
    if name is None:
        return f"auto_{datetime.now(UTC):%Y%m%d_%H%M}"
    if not NAME.fullmatch(name):
        raise CommandError(f"A migration's name matches {NAME.pattern}, as in `add_bio`; {name!r} does not.")
    return name


def format_files(*paths: Path) -> None:
    """Format new files for `make lint`, if the development tools are installed."""
    if find_spec("ruff"):
        for action in (["check", "--fix-only"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *action, "--quiet", *paths], check=False)


@cli.command(rich_help_panel="Database")
@asynchronous
async def showmigrations() -> None:
    """List all migrations. An X marks those that are applied."""
    async with open_database() as database:
        for name, applied in (await migration_history(database)).items():
            print(f"[{'X' if applied else ' '}] {name}")
