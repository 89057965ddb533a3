"""What commands stand on: how they fail, ask, and reach the database and the application."""

import getpass
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any

import typer
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError

from app.core.audit import Actor, acting, place
from app.core.console import say
from app.core.database import Database
from app.core.schemas import sentences
from app.settings import get_settings


class CommandError(Exception):
    """Ends a command with its text on standard error and exit status 1."""


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    act_as_operator()
    database = Database(get_settings().database_url)
    try:
        yield database
    finally:
        await database.dispose()


def act_as_operator() -> None:
    """From here on, it is for the audit log the user of the operating system who changes something."""
    acting.set(Actor(None, _system_user()))
    place.set("command line")


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a number without a name, as in some containers
        return ""


def load_application() -> FastAPI:
    """Return what `uvicorn app.main:app` serves. Raises SettingsError."""
    get_settings()  # where they are wrong, the module itself would end the process
    application: FastAPI = import_module("app.main").app
    return application


@asynccontextmanager
async def open_application() -> AsyncIterator[FastAPI]:
    """Yield it, to send tasks as it does; on the way out they have ended. Only what goes wrong is logged."""
    act_as_operator()
    application = load_application()
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    try:
        async with application.router.lifespan_context(application):
            yield application
    finally:
        root.setLevel(level)


def ask(label: str, kind: Any) -> str:
    """Ask, on a terminal until the answer is of this type of pydantic's; elsewhere read one line of standard input."""
    return str(typer.prompt(label, value_proc=partial(_judge, TypeAdapter(kind)) if sys.stdin.isatty() else None))


def _judge(kind: TypeAdapter[str], answer: str) -> str:
    try:
        return kind.validate_python(answer)
    except ValidationError as error:
        raise typer.BadParameter(" ".join(sentences(error))) from None


def ask_password(faults: Callable[[str], Sequence[str]]) -> str:
    """Ask twice, on a terminal until nothing is wrong with it; elsewhere read one line, as `passwd --stdin` does."""
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
