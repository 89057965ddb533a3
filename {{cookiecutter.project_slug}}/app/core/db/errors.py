"""What an error of the database means."""

import sqlite3

from sqlalchemy.exc import DBAPIError

SQLITE_AWAY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
# Classes of SQLSTATE (PostgreSQL's manual, appendix A): connection, resources, operator intervention.
POSTGRESQL_AWAY = ("08", "53", "57")

SQLITE_CONFLICT = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY)
# foreign_key_violation, unique_violation, deadlock_detected
POSTGRESQL_CONFLICT = ("23503", "23505", "40P01")


class DatabaseUnavailable(Exception):
    """No connection could be made; the cause says why."""


def is_away(error: DBAPIError) -> bool:
    """Tell a lost or overloaded server (or a file that is locked, or no database at all) from a faulty query."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = str(getattr(error.orig, "sqlstate", ""))
    return code in SQLITE_AWAY or state.startswith(POSTGRESQL_AWAY)


def is_conflict(error: DBAPIError) -> bool:
    """Tell what a race can bring about (a value that is unique, a row that others point at) from a faulty query."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code in SQLITE_CONFLICT or getattr(error.orig, "sqlstate", None) in POSTGRESQL_CONFLICT


def is_unmigrated(error: DBAPIError) -> bool:
    """Tell a table or column that is missing (no migration applied yet) from any other error."""
    state = getattr(error.orig, "sqlstate", None)  # undefined_table, undefined_column
    return state in ("42P01", "42703") or str(error.orig).startswith(("no such table", "no such column"))
