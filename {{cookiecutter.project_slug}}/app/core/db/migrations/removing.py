"""Undoes the history of an app that is about to be removed, and nothing that the project made after it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from app.core.db.connections.engine import Database
from app.core.db.migrations.histories import PROJECT, Graph, config
from app.core.db.migrations.lock import exclusive_connection
from app.core.db.migrations.running import Report, migrate

DEPENDS_ON = re.compile(r"^depends_on = (.*)$", re.MULTILINE)  # as Alembic writes it: an id, or a list of ids


async def undo_history(database: Database, label: str, report: Report = print) -> None:
    """Undo all migrations of an app, and take them out of what the project's migrations depend on.

    Otherwise Alembic would undo everything that the project made after them. If the database refuses, the files are as
    before. Raises sqlalchemy.exc.DBAPIError, UnknownMigrations, or Diverged.
    """
    graph = Graph.read()
    gone = {script.revision for script in graph.history(label)}

    def read(connection: Connection) -> list[str]:
        applied = graph.applied(connection) & gone
        connection.rollback()
        return [end for end in graph.ends(label) if end in applied]

    with _forgotten(graph, gone, report):
        async with exclusive_connection(database) as connection:
            ends = await connection.run_sync(read)
            # Alembic keeps no row for a migration that another one depends on. Now none does, and it needs one.
            await connection.run_sync(lambda sync: command.stamp(config(sync), ends) if ends else None)
        await migrate(database, f"{label}@zero", report)


@contextmanager
def _forgotten(graph: Graph, gone: set[str], report: Report) -> Iterator[None]:
    before = {Path(script.path): Path(script.path).read_bytes() for script in graph.history(PROJECT)}
    try:
        for file in before:
            if _forget(file, gone):
                report(f"Changed {file.name}: it no longer depends on what is undone.")
        yield
    except BaseException:
        for file, content in before.items():
            file.write_bytes(content)
        raise


def _forget(file: Path, gone: set[str]) -> bool:
    """Return whether the file was changed."""
    text = file.read_text(encoding="utf-8")
    statement = DEPENDS_ON.search(text)
    named = re.findall(r"""["']([^"']+)["']""", statement[1]) if statement else []
    kept = [name for name in named if name not in gone]
    if statement is None or kept == named:
        return False
    value = repr(kept).replace("'", '"') if kept else "None"
    file.write_text(text[: statement.start(1)] + value + text[statement.end(1) :], encoding="utf-8")
    return True
