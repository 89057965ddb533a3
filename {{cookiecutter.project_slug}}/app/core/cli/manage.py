"""The way into all commands: those of the core, and those of each app."""

import os
import sys
from importlib import import_module

import typer

from app.core import registry
from app.core.cli.errors import explain

CORE = ("server", "worker", "migrations", "project", "startapp", "removeapp", "mail", "shell", "completion")
WIDTH = 140  # of the help in a pipe, where nobody says how wide a line may be
COMPLETE = "MANAGE_PY_COMPLETE"
"""The environment variable by which a shell asks how to go on, as the scripts of `completion` do."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command. What goes wrong outside the code is one line and exit status 1; a bug keeps its traceback."""
    try:
        build()(arguments, prog_name="manage.py", complete_var=COMPLETE)
    except Exception as error:
        if (explanation := explain(error)) is None:
            raise
        sys.exit(explanation)


def build() -> typer.Typer:
    """On a terminal the help has headings and colours. In a pipe it is plain, and no line of it is cut short."""
    terminal = sys.stdout.isatty()
    cli = typer.Typer(
        help="The project's command line: `manage.py COMMAND --help` says more of a command.",
        no_args_is_help=True,
        add_completion=COMPLETE in os.environ,  # else the help would offer Typer's scripts, which do not fit manage.py
        context_settings={} if terminal else {"terminal_width": WIDTH},
        rich_markup_mode="markdown" if terminal else None,
        pretty_exceptions_enable=False,
    )
    for name in CORE:
        cli.add_typer(import_module(f"app.core.cli.commands.{name}").cli)
    for module in registry.modules("commands"):
        cli.add_typer(module.cli)
    return cli
