"""How commands reach the database and the application."""

import getpass
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import FastAPI

from app.core.audit import Actor, acting, place
from app.core.db import Database
from app.settings import get_settings


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    act_as_operator()
    settings = get_settings()
    database = Database(settings.database_url, timeout=settings.database_timeout)
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
    """Return what `uvicorn app.main:app` serves, but for commands, whose statements may take long.

    Raises SettingsError.
    """
    get_settings()  # where they are wrong, the module itself would end the process
    application: FastAPI = import_module("app.main").app
    application.state.database.lift_deadlines()
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
