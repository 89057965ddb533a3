"""What an error of the database means."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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

SQLITE_CONFLICT = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
)
SQLITE_RESTRICTED = "FOREIGN KEY constraint failed"  # with ON DELETE RESTRICT its code is that of any trigger
POSTGRESQL_CONFLICT = (
    "23001",  # restrict_violation
    "23503",  # foreign_key_violation
    "23505",  # unique_violation
    "23P01",  # exclusion_violation
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
)
POSTGRESQL_UNMIGRATED = ("42P01", "42703")  # undefined_table, undefined_column


def is_away(error: DBAPIError) -> bool:
    """Tell a lost or overloaded server (or a file that is locked, or no database at all) from a faulty query."""
    if error.connection_invalidated:
        return True
    return _sqlite_code(error) in SQLITE_AWAY or sqlstate(error.orig).startswith(POSTGRESQL_AWAY)


def is_conflict(error: DBAPIError) -> bool:
    """Tell what a race can bring about (a value that is unique, a row that others point at) from a faulty query."""
    if str(error.orig) == SQLITE_RESTRICTED:
        return True
    return _sqlite_code(error) in SQLITE_CONFLICT or sqlstate(error.orig) in POSTGRESQL_CONFLICT


def is_unmigrated(error: DBAPIError) -> bool:
    """Tell a table or column that is missing (no migration applied yet) from any other error."""
    if sqlstate(error.orig) in POSTGRESQL_UNMIGRATED:
        return True
    return str(error.orig).startswith(("no such table", "no such column"))


def _sqlite_code(error: DBAPIError) -> int | None:
    return getattr(error.orig, "sqlite_errorcode", None)


QUERY_CANCELED = "57014"
READ_ONLY = "25006"  # read_only_sql_transaction: of a server that has become a replica, or whose disk is full


class DatabaseUnavailable(Exception):
    """No connection could be made; the cause says why."""


@contextmanager
def failure_named() -> Iterator[None]:
    """Name the failure to connect: the drivers raise whatever the network, the resolver or the server said."""
    try:
        yield
    except Exception as error:
        raise DatabaseUnavailable(str(error).partition("\n")[0] or type(error).__name__) from error


def sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
