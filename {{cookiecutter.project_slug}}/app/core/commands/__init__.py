"""The way into all commands: what a module has is read in its source, and imported only when one of them is to run.

So the help, and the completion that a shell asks for at the press of a key, load neither SQLAlchemy nor FastAPI.
"""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # Typer exports nothing else that does it
from typer.core import MarkupMode, TyperCommand, TyperGroup
from typer.main import get_command_name, get_group

from app.core import registry

CORE = ("server", "worker", "migrations", "project", "startapp", "mail", "shell", "completion")
WIDTH = 140  # of the help in a pipe, where nobody says how wide a line may be


def main(arguments: list[str] | None = None) -> None:
    """Run one command. What goes wrong outside the code is one line and exit status 1; a bug keeps its traceback."""
    try:
        build().main(arguments, prog_name="manage.py", complete_var="MANAGE_PY_COMPLETE")
    except Exception as error:
        from app.core.failures import explain

        if (explanation := explain(error)) is None:
            raise
        sys.exit(explanation)


def build() -> TyperGroup:
    """On a terminal the help has headings and colours; in a pipe it is plain, and no line of it is cut short."""
    completion_init()  # the shells that can ask, in the environment variable MANAGE_PY_COMPLETE
    terminal = sys.stdout.isatty()
    mode: MarkupMode = "markdown" if terminal else None
    return TyperGroup(
        commands=list(declared(mode)),
        help="The project's command line: `manage.py COMMAND --help` says more of a command.",
        no_args_is_help=True,
        context_settings={} if terminal else {"terminal_width": WIDTH},
        rich_markup_mode=mode,
    )


def declared(mode: MarkupMode = None) -> Iterator["Declared"]:
    """Yield the commands of the core in its order, then those of each app."""
    homes = {f"{__name__}.{name}": name for name in CORE}
    homes |= {module: module.split(".")[1] for module in registry.module_names("commands")}
    for module, home in homes.items():
        for name, text in _marked(module):
            yield Declared(module, name, help=text, rich_help_panel=home.capitalize(), rich_markup_mode=mode)


class Declared(TyperCommand):
    """A command, as far as its source tells without being run."""

    def __init__(self, module: str, name: str, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.module = module

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """Import it: it is to run, or to say more of itself."""
        parent = typer.Typer(rich_markup_mode=self.rich_markup_mode)
        parent.add_typer(import_module(self.module).cli)
        return get_group(parent).commands[self.name or ""].make_context(*arguments, **extra)


def _marked(module: str) -> Iterator[tuple[str, str | None]]:
    """Yield name and docstring of each function that is marked with `@cli.command()`, or `@cli.command("name")`."""
    for node in ast.parse(_source(module)).body:
        if isinstance(node, ast.FunctionDef):
            for mark in filter(_is_command, node.decorator_list):
                name = ast.literal_eval(mark.args[0]) if mark.args else get_command_name(node.name)
                yield name, ast.get_docstring(node)


def _is_command(mark: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(mark, ast.Call) and ast.unparse(mark.func) == "cli.command"


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    return Path(str(spec.origin)).read_text(encoding="utf-8")
