"""Collects all commands, those of the core and those of each app, and runs one."""

import os
import sys
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path

import typer

from app.core import registry
from app.core.cli.errors import explain

CORE = (
    "server",
    "openapi",
    "worker",
    "health",
    "migrations",
    "data",
    "clients",
    "backups",
    "project",
    "startapp",
    "removeapp",
    "upgrade",
    "mail",
    "shell",
    "completion",
)
WIDTH = 140  # of the help in a pipe, which has no width of its own
COMPLETE = "MANAGE_PY_COMPLETE"
"""A shell sets this environment variable to ask for completions. The scripts of `completion` do so."""
TOLERANT = (["check"], ["upgrade"])
"""They must run although an app cannot be imported: one names it, and the other may repair it."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command. An error outside the code gives one line and exit status 1. A bug keeps its traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        try:
            build(tolerant=arguments[:1] in TOLERANT)(arguments, prog_name="manage.py", complete_var=COMPLETE)
        finally:
            print(end="", flush=True)  # now, because Python could not explain an error at its end
    except BrokenPipeError:  # as of `| head`: the reader has enough
        _drop_output()
        sys.exit(1)
    except Exception as error:
        if (explanation := explain(error)) is None:
            raise
        if isinstance(error, OSError):
            _drop_output()
        sys.exit(explanation)


def _drop_output() -> None:
    """At its end, Python would try again to write what could not be written."""
    with suppress(OSError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def build(*, tolerant: bool = False) -> typer.Typer:
    """On a terminal, the help has headings and colours. In a pipe it is plain, and no line is cut.

    `tolerant` leaves out commands that cannot be imported.
    """
    terminal = sys.stdout.isatty()
    cli = typer.Typer(
        help="The project's command line. `manage.py COMMAND --help` explains a command.",
        no_args_is_help=True,
        add_completion=COMPLETE in os.environ,  # else the help would offer Typer's own scripts, see `completion`
        context_settings={} if terminal else {"terminal_width": WIDTH},
        rich_markup_mode="markdown" if terminal else None,
        pretty_exceptions_enable=False,
    )
    for name in CORE:
        cli.add_typer(import_module(f"app.core.cli.commands.{name}").cli)
    for path in registry.module_paths("commands"):
        with suppress(Exception) if tolerant else nullcontext():
            cli.add_typer(import_module(path).cli)
    return cli
