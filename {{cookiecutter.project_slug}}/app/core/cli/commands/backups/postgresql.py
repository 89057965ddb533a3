"""Drops what is there and restores a backup in one transaction: `psql` reads both from a pipe."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Row, text

from app.core.cli.application import open_database
from app.core.cli.commands.clients import call, client, installed, wait
from app.core.cli.errors import CommandError
from app.core.db import all_tables

NAME, MAGIC = "PostgreSQL", b"PGDMP"

PSQL = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
TABLE = re.compile(r"\d+; \d+ \d+ TABLE (\S+) (.+) \S+")  # its schema, its name, its owner
COPIED = re.compile(r"^COPY .*?;\n(.*?)^\\\.$", re.DOTALL | re.MULTILINE)

# What the role owns in the schemas of the project, without what belongs to an extension, to a type or to a table. The
# order is that of dropping: with its tables go triggers, which use functions, which use types.
OWNED = text("""
    SELECT kind, nspname AS schema, name, (pg_identify_object(class, item.oid, 0)).identity AS identity FROM (
        SELECT CASE relkind WHEN 'v' THEN 2 WHEN 'm' THEN 3 WHEN 'S' THEN 4 ELSE 1 END AS place,
            CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE'
            END AS kind,
            'pg_class'::regclass AS class, oid, relname AS name, relnamespace AS namespace, relowner AS owner
        FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL SELECT 5, 'ROUTINE', 'pg_proc'::regclass, oid, proname, pronamespace, proowner FROM pg_proc
        UNION ALL SELECT 6, 'TYPE', 'pg_type'::regclass, oid, typname, typnamespace, typowner FROM pg_type
    ) AS item JOIN pg_namespace ON pg_namespace.oid = namespace
    WHERE (nspname = current_schema() OR nspname = ANY(:schemas)) AND pg_has_role(owner, 'USAGE') AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = class AND objid = item.oid AND objsubid = 0 AND deptype IN ('a', 'e', 'i')
    )
    ORDER BY place, identity
""")
CASCADING = ("TABLE", "VIEW", "MATERIALIZED VIEW")


def dump(url: URL, file: Path) -> None:
    command, variables = client("pg_dump", url)
    if (status := call([*command, "--format=custom", f"--file={file}"], variables)) != 0:
        raise CommandError(f"pg_dump failed with exit status {status}.")


def migrations(file: Path) -> set[str]:
    """Return the ids of the migrations that a backup names. Raises CommandError if it cannot be read."""
    copied = COPIED.search(_read(file, "--data-only", "--table=alembic_version", "--file=-"))
    return set(copied[1].split()) if copied else set()


async def restore(url: URL, file: Path) -> None:
    kept = {(schema, name) for schema, name in TABLE.findall(_read(file, "--list"))}
    _replace(url, file, "".join(_drops(await _owned(kept))))


def _read(file: Path, *arguments: str) -> str:
    command = [installed("pg_restore"), *arguments, str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        raise CommandError(f"{file} cannot be read: {done.stderr.partition(chr(10))[0]}. Nothing was changed.")
    return done.stdout


async def _owned(kept: set[tuple[str, str]]) -> list[Row[Any]]:
    """Return what the restore drops. Refuse to drop rows that neither the backup nor this code knows."""
    models = {(table.schema, table.name) for table in all_tables().values()}
    schemas = sorted({schema for schema, _ in models if schema})
    async with open_database() as database, database.engine.connect() as connection:
        default = await connection.scalar(text("SELECT current_schema()"))
        owned = list(await connection.execute(OWNED, {"schemas": schemas}))
    known = kept | {(schema or default, name) for schema, name in models}
    if lost := [each.identity for each in owned if each.kind == "TABLE" and (each.schema, each.name) not in known]:
        raise CommandError(
            f"The database has tables that neither the backup nor a model has: {', '.join(lost)}. A restore would "
            "delete them. Drop them, move them to another schema, or restore with the code that has them. "
            "Nothing was changed."
        )
    return owned


def _drops(owned: Iterable[Row[Any]]) -> Iterator[str]:
    """Drop all of one kind at once: they may depend on each other.

    CASCADE takes foreign keys and views of others with it, but it never takes their rows. That of a type would take
    columns.
    """
    for kind, items in groupby(owned, attrgetter("kind")):
        names = ", ".join(each.identity for each in items)
        yield f"DROP {kind} IF EXISTS {names}{' CASCADE' if kind in CASCADING else ''};\n"


def _replace(url: URL, file: Path, drops: str) -> None:
    """Commit only when `pg_restore` has read the whole file. At the end of the pipe, `psql` undoes all."""
    pg_restore = [installed("pg_restore"), "--clean", "--if-exists", "--no-owner", "--file=-", str(file)]
    (program, *arguments), variables = client("psql", url)
    with subprocess.Popen(
        [installed(program), *arguments, *PSQL], stdin=subprocess.PIPE, env={**os.environ, **variables}
    ) as psql:
        assert psql.stdin is not None
        read: int | None = None
        with suppress(OSError), psql.stdin as script:  # psql has ended: its exit status says so
            script.write(f"\\encoding UTF8\nBEGIN;\nSET client_min_messages = warning;\n{drops}".encode())
            script.flush()
            read = call(pg_restore, {}, stdout=script)
            if read == 0:
                script.write(b"COMMIT;\n")
        if wait(psql) != 0 or read != 0:
            raise CommandError(f"{file} cannot be restored. Nothing was changed.")
