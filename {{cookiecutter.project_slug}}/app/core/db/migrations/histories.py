"""The histories of migrations: one for each app of the template that has tables, and one for the project.

The migrations of such an app are in its folder `migrations`, those of a room of core likewise: their ids begin with its
name, and an update of the template may bring new ones. All that this project's owner makes is in `app/migrations`,
whatever table it changes, and depends on the ends that the other histories have at that time. So an update never gives
the project two ends. In Alembic's words, each history is a labelled branch.
"""

import os
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from warnings import catch_warnings, filterwarnings

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from app.core.settings import BASE_DIR

APP = BASE_DIR / "app"
MIGRATIONS = APP / "migrations"
PROJECT = "project"
"""The label of the owner's history."""


class Diverged(Exception):
    """A history has two ends. The text says how to join them."""

    def __init__(self, history: str, ends: Iterable[str]) -> None:
        advice = (
            "join them with `python manage.py makemigrations --merge`."
            if history == PROJECT
            else f"the history of {history} belongs to the template. Make your migrations in app/migrations."
        )
        super().__init__(f"Conflicting migrations ({', '.join(sorted(ends))}): {advice}")


class UnknownMigrations(Exception):
    """The database is newer than the code, as after a rollback of the code or a switch to another branch."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            f"The database has migrations that this code does not have ({', '.join(sorted(names))}): "
            "run the code that has them, and undo them there with `python manage.py migrate NAME` before you go back."
        )


@dataclass(frozen=True)
class NewRevision:
    """A migration that is yet to be written."""

    id: str
    after: str | None
    label: str | None
    """Only the first migration of a history has one."""
    depends_on: tuple[str, ...]
    folder: Path


def migration_folders() -> dict[str, Path]:
    """Return the folder of each history by its label, the project's last.

    A folder with an `__init__.py` is no history: `app/core/db/migrations` is code.
    """
    found = [*sorted(APP.glob("core/*/migrations")), *sorted(APP.glob("*/migrations"))]
    plain = [folder for folder in found if not (folder / "__init__.py").exists()]
    return {"_".join(folder.relative_to(APP).parts[:-1]): folder for folder in plain} | {
        PROJECT: MIGRATIONS / "versions"
    }


def config(connection: Connection | None = None, **options: Any) -> Config:
    """Return what Alembic's commands take; `options` reach `context.configure` in `app/migrations/env.py`."""
    result = Config(cmd_opts=Namespace(quiet=True), attributes={"connection": connection, **options})
    for name, value in {
        "script_location": str(MIGRATIONS),
        "version_locations": os.pathsep.join(map(str, migration_folders().values())),
        "path_separator": "os",
        # The id carries the name: when two developers both make an 0005, they become two ends and do not clash.
        "file_template": "%(rev)s",
    }.items():
        result.set_main_option(name, value.replace("%", "%%"))
    return result


@dataclass(frozen=True)
class Graph:
    """All migrations, read from their files."""

    scripts: dict[str, Script]
    """By id, the oldest first."""
    histories: dict[str, Path]

    @classmethod
    def read(cls) -> Self:
        """Raises alembic.util.CommandError if a file that another one follows is missing."""
        with catch_warnings():
            filterwarnings("error", category=UserWarning, module="alembic")  # before it fails with a KeyError
            try:
                walked = list(ScriptDirectory.from_config(config()).walk_revisions())
            except UserWarning as warning:
                raise CommandError(f"The file of a migration is missing. {warning}.") from None
        return cls({script.revision: script for script in reversed(walked)}, migration_folders())

    def history(self, label: str) -> list[Script]:
        return [script for script in self.scripts.values() if Path(script.path).parent == self.histories[label]]

    def ends(self, label: str) -> list[str]:
        return [script.revision for script in self.history(label) if script.is_head]

    def end(self, label: str) -> str | None:
        """Raises Diverged."""
        ends = self.ends(label)
        if len(ends) > 1:
            raise Diverged(label, ends)
        return ends[0] if ends else None

    def check_ends(self) -> None:
        """Raises Diverged."""
        for label in self.histories:
            self.end(label)

    def next_id(self, name: str, label: str) -> str:
        number = 1 + len(self.history(label))
        return f"{number:04d}_{name}" if label == PROJECT else f"{label}_{number:04d}_{name}"

    def next_revision(self, name: str, label: str = PROJECT) -> NewRevision:
        """Raises Diverged."""
        after = self.end(label)
        others = [self.end(other) for other in self.histories if other != label] if label == PROJECT else []
        known = self.closure([after] if after else [])
        return NewRevision(
            id=self.next_id(name, label),
            after=after,
            label=None if after else label,
            depends_on=tuple(end for end in others if end and end not in known),
            folder=self.histories[label],
        )

    def closure(self, ids: Iterable[str]) -> set[str]:
        """Return these migrations and all that they are based on."""
        found: set[str] = set()
        waiting = list(ids)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [*_names(self.scripts[name].down_revision), *_names(self.scripts[name].dependencies)]
        return found

    def applied(self, connection: Connection) -> set[str]:
        """Return the ids of the migrations that the database has. Raises UnknownMigrations."""
        ends = MigrationContext.configure(connection).get_current_heads()
        if unknown := set(ends) - set(self.scripts):
            raise UnknownMigrations(unknown)
        return self.closure(ends)


def known_migrations() -> set[str]:
    return set(Graph.read().scripts)


def new_revision(name: str) -> NewRevision:
    """Return the id of the project's next migration, and what it comes after. Raises Diverged."""
    return Graph.read().next_revision(name)


def _names(value: str | Iterable[str] | None) -> Iterator[str]:
    """Alembic has one id, several, or None."""
    yield from (value,) if isinstance(value, str) else value or ()
