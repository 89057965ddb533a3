import re
import subprocess
from pathlib import Path

from sqlalchemy import URL

from app.core.cli.application import open_database
from app.core.cli.commands.clients import call, client, installed
from app.core.cli.errors import CommandError
from app.core.db import later_migrations

NAME, MAGIC = "PostgreSQL", b"PGDMP"

COPIED = re.compile(r"^COPY .*?;\n(.*?)^\\\.$", re.DOTALL | re.MULTILINE)  # the rows of a table in a script


def dump(url: URL, file: Path) -> None:
    _run("pg_dump", url, "--format=custom", f"--file={file}")


def migrations(file: Path) -> set[str]:
    """Return the ids of the migrations that a backup names. Raises CommandError if it cannot be read."""
    command = [installed("pg_restore"), "--data-only", "--table=alembic_version", "--file=-", str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        raise CommandError(f"{file} cannot be read: {done.stderr.partition(chr(10))[0]}. Nothing was changed.")
    copied = COPIED.search(done.stdout)
    return set(copied[1].split()) if copied else set()


async def restore(url: URL, file: Path, names: set[str]) -> None:
    """`pg_restore` leaves tables that the backup does not have, and cannot replace a table that they refer to."""
    async with open_database() as database:
        later = await later_migrations(database, names)
    if later:
        raise CommandError(
            f"The database has migrations that the backup does not have ({', '.join(later)}). Undo them first with "
            "`python manage.py migrate NAME`, or restore into an empty database. Nothing was changed."
        )
    _run("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--single-transaction", str(file))


def _run(program: str, url: URL, *arguments: str) -> None:
    command, variables = client(program, url)
    if (status := call([*command, *arguments], variables)) != 0:
        raise CommandError(f"{program} failed with exit status {status}. Nothing was changed.")
