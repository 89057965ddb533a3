"""Error messages of commands, instead of a traceback."""

import errno

from alembic.util import CommandError as AlembicError
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError

from app.core.db import (
    DatabaseUnavailable,
    Diverged,
    ScratchRefused,
    UnknownMigrations,
    is_away,
    is_unmigrated,
    lost_references,
)
from app.core.registry import StartError
from app.core.settings import SettingsError

REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""Errors of files for which the code can do nothing. EBUSY: a container mounts this file, so none can replace it."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CommandError(Exception):
    """Ends a command with exit status 1 and its text on standard error."""


def refusal(error: OSError) -> str:
    """Return what the system refuses, and who may do it."""
    hint = " Run the command as a user who may do this, for example root." if isinstance(error, PermissionError) else ""
    return f"{error.filename}: {error.strerror}.{hint}" if error.filename else f"{error.strerror}."


def explain(error: Exception) -> str | None:
    """Return what went wrong and what to do. Return None for a bug in the code."""
    match error:
        case CommandError() | SettingsError() | Diverged() | ScratchRefused() | StartError() | UnknownMigrations():
            return str(error)
        case AlembicError():
            return f"{error} (`python manage.py showmigrations` lists the migrations, `migrate` applies them.)"
        case InvalidRequestError() | ArgumentError() if lost := list(lost_references()):
            return "\n".join(f"{each}. Correct the name in ForeignKey(…)." for each in lost)
        case DatabaseUnavailable():
            return f"The database cannot be reached: {error}"
        case DBAPIError() if is_unmigrated(error):
            return "A table or a column is missing in the database. Run `python manage.py migrate`."
        case DBAPIError() if is_away(error):
            return f"The database cannot be reached: {error.orig}"
        case OSError() if error.errno in FULL:
            return f"{error.filename or 'The output'} cannot be written: {error.strerror}."
        case OSError() if error.filename and error.errno in REFUSALS:
            return refusal(error)
    return None
