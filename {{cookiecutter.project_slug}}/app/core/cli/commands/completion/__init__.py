"""Completion in shells. Typer's own scripts work only for programs on the PATH, so not for `./manage.py`.

Each script passes the words from `manage.py` on to it. `manage.py` answers as Typer does for bash: one word per line.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

cli = typer.Typer()


@cli.command(rich_help_panel="Project")
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell.")]) -> None:
    """Print a script that makes the Tab key complete commands and options: `source <(./manage.py completion bash)`.

    In zsh, call it after `compinit`. In fish, use `./manage.py completion fish | source`. It works for `./manage.py`
    and `python manage.py`, in the activated environment of the project.
    """
    print(Path(__file__).with_name(f"manage.{shell}").read_text(encoding="utf-8"), end="")
