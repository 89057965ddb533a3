"""The commands that every project has, and the way into all of them."""

import sys

import typer
from alembic.util import CommandError as AlembicError
from sqlalchemy.exc import DBAPIError

from app.core import registry
from app.core.cli import CommandError
from app.core.commands import mail, migrations, project, server, worker
from app.core.database import DatabaseUnavailable, is_away, is_unmigrated
from app.settings import SettingsError


def main(arguments: list[str] | None = None) -> None:
    """Run one command. What goes wrong outside the code is one line and exit status 1; a bug keeps its traceback."""
    try:
        build()(arguments, prog_name="manage.py")
    except (CommandError, SettingsError) as error:
        sys.exit(str(error))
    except AlembicError as error:
        sys.exit(f"{error} (`manage.py showmigrations` lists the migrations, `migrate` applies them.)")
    except DatabaseUnavailable as error:
        sys.exit(f"The database cannot be reached: {error}")
    except DBAPIError as error:
        sys.exit(_explain(error))


def build() -> typer.Typer:
    cli = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    for module in (server, worker, migrations, project, mail, *registry.modules("commands")):
        cli.add_typer(module.cli)
    return cli


def _explain(error: DBAPIError) -> str:
    if is_unmigrated(error):
        return "The database lacks a table or a column: run `python manage.py migrate`."
    if is_away(error):
        return f"The database cannot be reached: {error.orig}"
    raise error
