"""Brings the tables to a state of the migrations, and tells which are applied."""

from collections.abc import Callable, Iterable
from typing import Any

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection

from app.core import registry
from app.core.db.connections.engine import Database
from app.core.db.migrations.histories import Graph, config
from app.core.db.migrations.lock import exclusive_connection

NEWEST = "heads"  # Alembic's word for the ends of all histories
ZERO = "zero"  # Django's word for the state before the first migration

Report = Callable[[str], None]


async def migrate(database: Database, target: str = NEWEST, report: Report = print) -> int:
    """Bring the tables to `target`, forwards or back. Report one line per step, and return the number of steps.

    A target is the id of a migration or how it begins, `zero`, or `LABEL@zero` to undo one history. Several processes
    may call it at once. Each step is one transaction. Raises UnknownMigrations, Diverged, or alembic.util.CommandError
    if there is no such migration.
    """
    graph = Graph.read()
    graph.check_ends()

    def on_version_apply(*, step: Any, **_: Any) -> None:
        steps.append(f"{'Applied' if step.is_upgrade else 'Unapplied'} {step.up_revision_id}")
        report(steps[-1])

    def run(connection: Connection) -> None:
        applied = graph.applied(connection)
        connection.rollback()  # end the transaction of this query: Alembic commits only transactions that it began
        label, at, place = target.rpartition("@")
        goal = f"{label}{at}base" if place == ZERO else _full_id(target, graph)
        move = command.downgrade if place == ZERO or goal in applied else command.upgrade
        move(config(connection, on_version_apply=on_version_apply), goal)

    steps: list[str] = []
    async with exclusive_connection(database) as connection:
        await connection.run_sync(run)
        if graph.scripts and await connection.run_sync(graph.applied) == set(graph.scripts):
            registry.load_models()
            for migrated in registry.hooks("migrated"):
                await migrated(connection)
            await connection.commit()
    return len(steps)


def _full_id(target: str, graph: Graph) -> str:
    """Return the id that begins with the target, or else the target: Alembic may know it. Raises its CommandError."""
    found = [target] if target in graph.scripts else [name for name in graph.scripts if name.startswith(target)]
    if len(found) > 1:
        raise CommandError(f"Several migrations begin with {target!r}, for example {found[0]} and {found[1]}.")
    return found[0] if found else target


async def migration_history(database: Database) -> dict[str, bool]:
    """Return the ids of all migrations, the oldest first, and whether they are applied. Raises UnknownMigrations."""
    graph = Graph.read()
    applied = await _applied(database, graph)
    return {name: name in applied for name in graph.scripts}


async def later_migrations(database: Database, ends: Iterable[str]) -> list[str]:
    """Return the applied migrations that are neither among these nor before them. Raises UnknownMigrations."""
    graph = Graph.read()
    later = await _applied(database, graph) - graph.closure(ends)
    return [name for name in graph.scripts if name in later]


async def pending_migrations(database: Database) -> list[str]:
    """Raises UnknownMigrations."""
    return [name for name, applied in (await migration_history(database)).items() if not applied]


async def _applied(database: Database, graph: Graph) -> set[str]:
    async with database.engine.connect() as connection:
        return await connection.run_sync(graph.applied)
