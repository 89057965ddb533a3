"""What commands stand on: how they fail, ask, and reach the database and the application."""

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import FastAPI

from app.core.database import Database
from app.settings import get_settings


class CommandError(Exception):
    """Ends a command with its text on standard error and exit status 1."""


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    database = Database(get_settings().database_url)
    try:
        yield database
    finally:
        await database.dispose()


def load_application() -> FastAPI:
    """Return what `uvicorn app.main:app` serves. Raises SettingsError."""
    get_settings()  # where they are wrong, the module itself would end the process
    application: FastAPI = import_module("app.main").app
    return application


@asynccontextmanager
async def open_application() -> AsyncIterator[FastAPI]:
    """Yield it, to send tasks as it does; on the way out they have ended."""
    application = load_application()
    async with application.router.lifespan_context(application):
        yield application


def ask_password() -> str:
    """Ask twice on a terminal; elsewhere read one line of standard input, as `passwd --stdin` does."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password (again): ") != password:
        raise CommandError("The two passwords differ.")
    return password
