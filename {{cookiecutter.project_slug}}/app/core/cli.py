"""What commands stand on: how they fail, ask, and reach the database."""

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from uvicorn.importer import import_from_string

from app.core.database import Database
from app.settings import get_settings

APPLICATION = "app.main:app"


class CommandError(Exception):
    """Ends a command with its text on standard error and exit status 1."""


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    database = Database(get_settings().database_url)
    try:
        yield database
    finally:
        await database.dispose()


@asynccontextmanager
async def open_application() -> AsyncIterator[FastAPI]:
    """Yield the application that is served, to send tasks as it does; on the way out they have ended."""
    get_settings()  # what is wrong with them is said in our way, not the server's
    application: FastAPI = import_from_string(APPLICATION)
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
