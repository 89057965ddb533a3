"""Tells what a database error means."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, StatementError

SQLITE_AWAY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
# The codes are SQLSTATEs (PostgreSQL's manual, appendix A).
QUERY_CANCELED = "57014"
READ_ONLY = "25006"  # read_only_sql_transaction: the server has become a replica, or its disk is full
# Classes of SQLSTATE: connection, resources, operator intervention.
POSTGRESQL_AWAY = ("08", "53", "57")

SQLITE_CONFLICT = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
)
SQLITE_RESTRICTED = "FOREIGN KEY constraint failed"  # with ON DELETE RESTRICT its code is that of any trigger
POSTGRESQL_NEEDED = ("23001", "23503")  # restrict_violation, foreign_key_violation
POSTGRESQL_UNIQUE = "23505"  # unique_violation
POSTGRESQL_CONFLICT = (
    *POSTGRESQL_NEEDED,
    POSTGRESQL_UNIQUE,
    "23P01",  # exclusion_violation
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
)
SQLITE_TAKEN = re.compile(r"UNIQUE constraint failed: (\w+\.\w+(?:, \w+\.\w+)*)")
POSTGRESQL_TAKEN = re.compile(r"\((\w+(?:, \w+)*)\)=\(")  # `Key (slug)=(a) already exists.`, in any language
SQLITE_UNFIT = (
    sqlite3.SQLITE_CONSTRAINT_CHECK,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
)
POSTGRESQL_UNFIT = ("23502", "23514")  # not_null_violation, check_violation
NOT_CONVERTED = (ArithmeticError, LookupError, TypeError, ValueError)  # by the type of a column
POSTGRESQL_UNMIGRATED = ("42P01", "42703")  # undefined_table, undefined_column
SQLITE_UNMIGRATED = re.compile(r"no such (table|column): |table \S+ has no column named ")


def cause_of(error: Exception) -> str:
    """Return what the driver says, in one line and without a full stop."""
    return str(getattr(error, "orig", error)).partition("\n")[0].rstrip(".")


def is_away(error: DBAPIError) -> bool:
    """True if the server is lost or overloaded, or the file is locked or not a database. False for a faulty query."""
    if error.connection_invalidated:
        return True
    return _sqlite_kind(error) in SQLITE_AWAY or sqlstate(error.orig).startswith(POSTGRESQL_AWAY)


def is_conflict(error: DBAPIError) -> bool:
    """True for errors that a race can cause: a unique value is taken, or another row refers to this one."""
    if str(error.orig) == SQLITE_RESTRICTED:
        return True
    return _sqlite_code(error) in SQLITE_CONFLICT or sqlstate(error.orig) in POSTGRESQL_CONFLICT


def taken_columns(error: DBAPIError) -> list[str]:
    """Return the columns whose values must be unique and are taken. Return [] for other errors."""
    diagnosis = getattr(error.orig, "diag", None)  # of psycopg
    if diagnosis is None:
        found = SQLITE_TAKEN.fullmatch(str(error.orig))
    else:
        is_taken = sqlstate(error.orig) == POSTGRESQL_UNIQUE
        found = POSTGRESQL_TAKEN.search(diagnosis.message_detail or "") if is_taken else None
    return [name.rpartition(".")[2] for name in found[1].split(", ")] if found else []


def is_needed(error: DBAPIError) -> bool:
    """True if a row could not be deleted because others refer to it."""
    is_violation = SQLITE_RESTRICTED in str(error.orig) or sqlstate(error.orig) in POSTGRESQL_NEEDED
    return is_violation and str(error.statement).startswith("DELETE")


def is_unfit(error: Exception) -> bool:
    """True if a value does not fit its column: it is missing, too large, of another type, or a CHECK forbids it."""
    if isinstance(error, DBAPIError):
        is_known = _sqlite_code(error) in SQLITE_UNFIT or sqlstate(error.orig) in POSTGRESQL_UNFIT
        return is_known or isinstance(error, DataError)
    if isinstance(error, StatementError):
        return isinstance(error.orig, NOT_CONVERTED)
    return isinstance(error, OverflowError)  # SQLite's driver, for a number of more than 64 bits


def is_unmigrated(error: DBAPIError) -> bool:
    """True if a table or column is missing: a migration is not applied yet."""
    if sqlstate(error.orig) in POSTGRESQL_UNMIGRATED:
        return True
    return SQLITE_UNMIGRATED.match(str(error.orig)) is not None


def _sqlite_kind(error: DBAPIError) -> int:
    """Return SQLite's primary code, which is the last byte of its extended code."""
    return (_sqlite_code(error) or 0) & 0xFF


def _sqlite_code(error: DBAPIError) -> int | None:
    return getattr(error.orig, "sqlite_errorcode", None)


class DatabaseUnavailable(Exception):
    """No connection was possible. The cause says why."""


@contextmanager
def failure_named() -> Iterator[None]:
    """Raise DatabaseUnavailable for every failure to connect. The drivers raise many different errors."""
    try:
        yield
    except Exception as error:
        raise DatabaseUnavailable(str(error).partition("\n")[0] or type(error).__name__) from error


def sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
