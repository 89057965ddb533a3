"""What commands run in: an event loop, the database, the application."""

import asyncio
import getpass
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from importlib import import_module
from typing import Any, ParamSpec

from fastapi import FastAPI

from app.core.audit import Actor, acting, place
from app.core.db import Database
from app.settings import get_settings

Arguments = ParamSpec("Arguments")


def asynchronous(command: Callable[Arguments, Coroutine[Any, Any, None]]) -> Callable[Arguments, None]:
    """Make a command of a coroutine function. Write it below `@cli.command()`."""

    @wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        asyncio.run(command(*args, **kwargs))

    return run


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
    """From now on, the audit log names the user of the operating system for each change."""
    acting.set(Actor(None, _system_user()))
    place.set("command line")


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # in some containers, the user has a number but no name
        return ""


def load_application() -> FastAPI:
    """Return the application that `uvicorn app.main:app` serves. Raises SettingsError."""
    get_settings()  # raises, while `app.main` would end the process
    application: FastAPI = import_module("app.main").app
    application.state.database.lift_deadlines()
    return application


@asynccontextmanager
async def open_application() -> AsyncIterator[FastAPI]:
    """Yield the running application, so that commands can send tasks. All tasks have ended when the block ends.

    Only warnings and errors are logged.
    """
    act_as_operator()
    application = load_application()
    logging.disable(logging.INFO)
    try:
        async with application.router.lifespan_context(application):
            yield application
    finally:
        logging.disable(logging.NOTSET)
