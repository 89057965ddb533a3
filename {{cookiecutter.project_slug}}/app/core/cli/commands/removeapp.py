"""Removes an app and its tables. The migrations of its own history are undone. A new one drops its other tables."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Annotated

import typer
from sqlalchemy import FromClause, Table

from app.core import registry
from app.core.cli.application import asynchronous, open_database
from app.core.cli.commands.migrations import failures
from app.core.cli.errors import CommandError
from app.core.db import Base, migration_folders, undo_history
from app.core.settings import BASE_DIR

cli = typer.Typer()

EXTENSIONS = "EXTENSIONS"
"""In the module `apps` of an app: the names of modules that other apps bring for it, such as `admin`."""
REMOVABLE = "REMOVABLE"
"""In the module `apps` of an app: False if the rest of the project needs the app."""


@cli.command(rich_help_panel="Project")
def removeapp(
    name: Annotated[str, typer.Argument(help="The folder of the app, as in `hello`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an app: drop its tables in the configured database, and delete its folder and its tests.

    For example: `removeapp hello`. Its rows are lost. Other databases follow with their next `migrate`. If the app has
    a history of its own, run `migrate NAME@zero` there first.
    """
    paths = list(_paths(name))
    if not getattr(_hooks(name), REMOVABLE, True):
        raise CommandError(f"{name!r} cannot be removed: the rest of the project needs it.")
    if users := sorted(_users(name, paths)):
        raise CommandError(f"{name!r} is in use: {', '.join(users)} import from it. Remove these imports first.")
    if columns := sorted(_references(name)):
        raise CommandError(f"The tables of {name!r} are in use by {', '.join(columns)}. Remove these columns first.")
    print("Deletes:", *(path.relative_to(BASE_DIR).as_posix() for path in paths), sep="\n  ")
    if not yes and not typer.confirm(f"Delete these files, and the tables of {name}?"):
        raise CommandError("Nothing was removed.")
    if name in migration_folders():
        _undo(name)
    with _set_aside(paths):
        if _manage("makemigrations", "--check", capture_output=True) != 0:
            for command in (["makemigrations", "--name", f"remove_{name}"[:27]], ["migrate"]):
                if _manage(*command) != 0:
                    raise CommandError(f"`{' '.join(command)}` failed, so the files were put back.")
    print(f"Removed {name}.")


def _paths(name: str) -> Iterator[Path]:
    """Yield the folders of the app and of its tests, and the modules that other apps bring for it, with their tests."""
    if name not in registry.installed_apps():
        raise CommandError(f"There is no app {name!r}: app/{name}/__init__.py is missing.")
    folders = [path for path in (BASE_DIR / "app" / name, BASE_DIR / "tests" / name) if path.exists()]
    yield from folders
    for extension in getattr(_hooks(name), EXTENSIONS, ()):
        found = (*BASE_DIR.glob(f"app/*/{extension}.py"), *BASE_DIR.glob(f"tests/*/test_{extension}.py"))
        yield from sorted(file for file in found if file.parent not in folders)


def _hooks(name: str) -> ModuleType | None:
    return next((module for module in registry.modules("apps") if module.__name__ == f"app.{name}.apps"), None)


def _users(name: str, paths: list[Path]) -> Iterator[str]:
    """Find the files that import from the app and that stay."""
    imports = re.compile(rf"^\s*(?:from|import) app\.{name}\b|^\s*from app import .*\b{name}\b", re.MULTILINE)
    for file in (*BASE_DIR.glob("app/**/*.py"), *BASE_DIR.glob("tests/**/*.py")):
        if not any(file.is_relative_to(path) for path in paths) and imports.search(file.read_text(encoding="utf-8")):
            yield file.relative_to(BASE_DIR).as_posix()


def _references(name: str) -> Iterator[str]:
    """Find the columns that refer to the app's tables and that stay."""
    registry.load_models()
    models = [module for module in registry.modules("models") if module.__name__ == f"app.{name}.models"]
    own: set[FromClause] = {value for module in models for value in vars(module).values() if isinstance(value, Table)}
    own |= {each.local_table for each in Base.registry.mappers if each.class_.__module__.startswith(f"app.{name}.")}
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            if table not in own and key.column.table in own:
                yield f"{table}.{key.parent.name}"


@asynchronous
async def _undo(name: str) -> None:
    async with open_database() as database:
        with failures(f"The tables of {name} could not be dropped, and its files stay"):
            await undo_history(database, name)


@contextmanager
def _set_aside(paths: list[Path]) -> Iterator[None]:
    """Take the files away, and put them back if what follows fails."""
    with TemporaryDirectory() as folder:
        aside = {path: Path(folder) / str(number) for number, path in enumerate(paths)}
        try:
            for path, place in aside.items():
                shutil.move(path, place)
            yield
        except BaseException:
            for path, place in aside.items():
                if place.exists():
                    shutil.move(place, path)
            raise


def _manage(*arguments: str, capture_output: bool = False) -> int:
    """Run another command in a process of its own, which has not loaded the app's models. Return its exit status."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, check=False, cwd=BASE_DIR, capture_output=capture_output).returncode
