"""The command line: what commands need. `manage.py` calls `main`."""

from app.core.cli.application import asynchronous, open_application, open_database
from app.core.cli.console import print_table, progress, say
from app.core.cli.errors import CommandError
from app.core.cli.manage import main
from app.core.cli.prompts import ask, ask_password

__all__ = [
    "CommandError",
    "ask",
    "ask_password",
    "asynchronous",
    "main",
    "open_application",
    "open_database",
    "print_table",
    "progress",
    "say",
]
