"""What commands say instead of a traceback."""

from alembic.util import CommandError as AlembicError
from sqlalchemy.exc import DBAPIError

from app.core.db import DatabaseUnavailable, Diverged, ScratchRefused, UnknownMigrations, is_away, is_unmigrated
from app.core.registry import StartError
from app.core.settings import SettingsError


class CommandError(Exception):
    """Ends a command with its text on standard error and exit status 1."""


def explain(error: Exception) -> str | None:
    """Return what went wrong outside the code, and what to do; None is a bug."""
    match error:
        case CommandError() | SettingsError() | Diverged() | ScratchRefused() | StartError() | UnknownMigrations():
            return str(error)
        case AlembicError():
            return f"{error} (`manage.py showmigrations` lists the migrations, `migrate` applies them.)"
        case DatabaseUnavailable():
            return f"The database cannot be reached: {error}"
        case DBAPIError() if is_unmigrated(error):
            return "The database lacks a table or a column: run `python manage.py migrate`."
        case DBAPIError() if is_away(error):
            return f"The database cannot be reached: {error.orig}"
    return None
