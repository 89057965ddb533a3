"""Asks for values, on a terminal and in a pipe."""

import getpass
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from app.core.cli.console import say
from app.core.web import sentences


def ask(label: str, kind: Any) -> str:
    """Ask for a value of a pydantic type. A terminal asks again until it is valid. A pipe gives one line, unchecked."""
    return str(typer.prompt(label, value_proc=partial(_judge, TypeAdapter(kind)) if sys.stdin.isatty() else None))


def _judge(kind: TypeAdapter[str], answer: str) -> str:
    try:
        return kind.validate_python(answer)
    except ValidationError as error:
        raise typer.BadParameter(" ".join(sentences(error))) from None


def ask_password(faults: Callable[[str], Sequence[str]]) -> str:
    """On a terminal, ask twice, and again until there is no fault. In a pipe, read one line, as `passwd --stdin`."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    while True:
        password = getpass.getpass("Password: ")
        wrong = faults(password)
        if not wrong and getpass.getpass("Password (again): ") != password:
            wrong = ["The two passwords differ."]
        if not wrong:
            return password
        say("\n".join(wrong))
