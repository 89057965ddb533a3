"""Queues of tasks for tests, each with a worker of its own where one is needed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import ModuleType

from fastapi import FastAPI
from sqlalchemy import text

from app.core.db import Database
from app.core.tasks import make_task_queue


@asynccontextmanager
async def begin_queue(app: FastAPI, modules: Iterable[ModuleType]) -> AsyncIterator[None]:
    app.state.tasks = make_task_queue(app, modules)
    if app.state.settings.task_queue == "database":
        await forget_jobs(app.state.database)
        async with working(app):
            yield
    else:
        await app.state.tasks.start()
        yield
        await app.state.tasks.stop()


async def forget_jobs(database: Database) -> None:
    """Of earlier tests."""
    async with database.engine.begin() as connection:
        await connection.execute(text("DELETE FROM procrastinate_jobs"))
        await connection.execute(text("DELETE FROM procrastinate_workers"))


@asynccontextmanager
async def working(app: FastAPI, patience: float = 0.5) -> AsyncIterator[None]:
    """A worker that asks often whether there is something to do."""
    worker = asyncio.create_task(app.state.tasks.work(10, patience, poll=0.05))
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
