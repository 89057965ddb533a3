"""Takes tasks. `process.py` and `database.py` beside this file run them."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from random import uniform
from types import ModuleType
from typing import Annotated, Any, Self

from croniter import CroniterError, croniter
from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import SessionTransaction

from app.core.audit import acting
from app.core.db import Db
from app.core.registry import StartError
from app.core.tasks.declaration import Arguments, Task

logger = logging.getLogger(__name__)

TASKS = Counter("tasks", "Tasks that ended: done, retried later, or failed for good.", ["task", "outcome"])

AT_ONCE = 20  # tasks of one process
WORKER_CONNECTIONS = 4  # of a worker, at most, to ask for tasks. The tasks use other connections.
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 10.0, 4 * 3600.0  # s; it doubles each time


@dataclass(frozen=True)
class Job:
    """A task with its arguments."""

    task: Task[Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sent_at: float = field(default_factory=time.time)  # s since 1970

    async def run(self, app: FastAPI) -> None:
        started = time.monotonic()
        async with asyncio.timeout(self.task.timeout.total_seconds()):
            await self.task(app, *self.args, **self.kwargs)
        TASKS.labels(self.task.name, "done").inc()
        logger.info("Task %s done in %.1f ms.", self.task.name, (time.monotonic() - started) * 1000, extra=_actor())

    def retry_after(self, error: BaseException, tries: int) -> float | None:
        """Log what happens next. Return the seconds until the next try, or None if there is no next try."""
        delay = min(FIRST_RETRY_AFTER * 2.0 ** (tries - 1), LONGEST_RETRY_AFTER)
        delay *= uniform(0.75, 1.25)  # noqa: S311 (tasks that failed together should not all try again together)
        if tries > self.task.retries or time.time() + delay > self.sent_at + self.task.retry_for.total_seconds():
            TASKS.labels(self.task.name, "failed").inc()
            logger.error("Task %s failed, and is given up.", self.task.name, exc_info=error, extra=_actor())
            return None
        TASKS.labels(self.task.name, "retried").inc()
        said = ("Task %s failed, next try in %.0f s.", self.task.name, delay)
        logger.warning(*said, exc_info=error, extra=_actor())
        return delay


def _actor() -> dict[str, str]:
    return {"actor": acting.get().name}


class TaskQueue:
    """Sends tasks, for one session or for none."""

    db: AsyncSession | None = None
    sent_in: SessionTransaction | None = None

    def __init__(self, app: FastAPI, modules: Iterable[ModuleType]) -> None:
        """Raises StartError."""
        self.app = app
        found = (value for module in modules for value in vars(module).values() if isinstance(value, Task))
        self.tasks = list(dict.fromkeys(found))  # one module may import a task of another
        for each in self.tasks:
            if each.cron is not None and not _comes(each.cron):
                fault = f"The cron of the task {each.name} is {each.cron!r}, and no time fits it"
                raise StartError(f"{fault}; write one such as '0 3 * * *'.")

    async def send(self, task: Task[Arguments], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Return at once. The task runs later. Raises TypeError or ValueError if an argument is not a JSON value."""
        json.dumps((args, kwargs), allow_nan=False)
        db = self.db if self.db is not None and self.db.in_transaction() else None
        await self.enqueue(Job(task, args, kwargs), db)
        self.sent_in = db.sync_session.get_transaction() if db is not None else None

    def within(self, db: AsyncSession) -> Self:
        """Return a queue whose tasks run after the commit of the session's transaction. The caller commits it."""
        bound = copy(self)
        bound.db = db
        return bound

    @asynccontextmanager
    async def bind(self, db: AsyncSession) -> AsyncIterator[Self]:
        """Yield a queue that belongs to the session. At the end, commit the transaction if a task was sent in it."""
        bound = self.within(db)
        yield bound
        if bound.sent_in is not None and bound.sent_in is db.sync_session.get_transaction():
            await db.commit()

    async def enqueue(self, job: Job, db: AsyncSession | None) -> None:
        """Store the job as a part of the session's transaction, or at once if there is no session."""
        raise NotImplementedError

    async def start(self) -> None: ...

    async def drain(self) -> None:
        """Wait until no task runs in this process, or until the time limit for the end of the process."""

    async def stop(self) -> None: ...


def _comes(cron: str) -> bool:
    """A valid cron may name a day that no year has, such as 31 February."""
    try:
        croniter(cron, time.time()).get_next(float)
    except CroniterError:
        return False
    return True


async def get_tasks(connection: HTTPConnection, db: Db) -> AsyncIterator[TaskQueue]:
    async with connection.app.state.tasks.bind(db) as tasks:
        yield tasks


Tasks = Annotated[TaskQueue, Depends(get_tasks, scope="function")]
