import sqlite3
from contextlib import closing
from pathlib import Path

from app.core.cli.errors import CommandError

NAME, MAGIC = "SQLite", b"SQLite format 3"


def copy(source: Path, target: Path) -> None:
    """Copy one state of a database that others may use meanwhile."""
    if not source.exists():  # SQLite would make an empty one
        raise CommandError(f"{source} does not exist.")
    try:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)
    except sqlite3.Error as error:
        raise CommandError(f"{source} cannot be copied to {target}: {error}.") from None


def migrations(file: Path) -> set[str]:
    """Return the ids of the migrations that a backup names. Raises CommandError if the file is damaged."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            _check(file, connection)
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return set()
            return {name for (name,) in connection.execute("SELECT version_num FROM alembic_version")}
    except sqlite3.Error as error:
        raise CommandError(f"{file} cannot be read: {error}. Nothing was changed.") from None


def _check(file: Path, connection: sqlite3.Connection) -> None:
    """Look at the size, too: SQLite reads a last page that is cut as if zeros followed."""
    (pages,), (page_size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    if (size := file.stat().st_size) != pages * page_size:
        raise CommandError(f"{file} is damaged: it has {size} bytes, not {pages * page_size}. Nothing was changed.")
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise CommandError(f"{file} is damaged: {finding}. Nothing was changed.")
