"""Tasks in the process that sends them."""

import asyncio
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from itertools import count
from types import FrameType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from croniter import croniter
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from app.core.tasks.declaration import Task
from app.core.tasks.queue import AT_ONCE, Job, TaskQueue

logger = logging.getLogger(__name__)

# s after SIGTERM. The sender of SIGTERM allows 10. The server first waits for requests, up to 8 of them.
SHUTDOWN_LIMIT = 9.0

# What begins after the commit of a transaction. It is dropped if the transaction is rolled back.
_after_commit: WeakKeyDictionary[SessionTransaction, list[Callable[[], None]]] = WeakKeyDictionary()


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    transaction = _innermost(session)
    waiting = _after_commit.pop(transaction, [])
    if transaction.parent is not None:  # it is a savepoint
        _after_commit.setdefault(transaction.parent, []).extend(waiting)
        return
    for begin in waiting:
        begin()


def _innermost(session: Session) -> SessionTransaction:
    transaction = session.get_nested_transaction() or session.get_transaction()
    assert transaction is not None
    return transaction


class ProcessTaskQueue(TaskQueue):
    def __init__(self, app: FastAPI, modules: Iterable[ModuleType]) -> None:
        super().__init__(app, modules)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._jobs: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[None] | None] = set()  # until the next try
        self._clocks: list[asyncio.Task[None]] = []
        self._deadline: float | None = None

    async def enqueue(self, job: Job, db: AsyncSession | None) -> None:
        context = copy_context()  # with the request's id, and who acts
        begin = partial(context.run, partial(self._begin, job))
        if db is None:
            begin()
        else:
            _after_commit.setdefault(_innermost(db.sync_session), []).append(begin)

    def _begin(self, job: Job) -> None:
        running = asyncio.create_task(self._work(job), name=job.task.name)
        self._jobs.add(running)
        running.add_done_callback(self._jobs.discard)

    async def _work(self, job: Job) -> None:
        for tries in count(1):
            try:
                async with self._turns:
                    return await job.run(self.app)
            except (Exception, SystemExit) as error:
                delay = job.retry_after(error, tries)
            if delay is None:
                return
            self._resting.add(asyncio.current_task())
            await asyncio.sleep(delay)
            self._resting.discard(asyncio.current_task())

    async def start(self) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, partial(self._note_sigterm, handler))
        self._clocks = [asyncio.create_task(self._tick(task, task.cron)) for task in self.tasks if task.cron]

    def _note_sigterm(self, handler: Callable[[int, FrameType | None], object], *signalled: Any) -> None:
        """The server waits for requests before it stops the tasks. The signal tells how long is left."""
        self._deadline = time.monotonic() + SHUTDOWN_LIMIT
        handler(*signalled)

    async def _tick(self, task: Task[[]], cron: str) -> None:
        at = time.time()
        try:
            while True:
                at = croniter(cron, max(at, time.time())).get_next(float)
                await asyncio.sleep(at - time.time())
                self._begin(Job(task))
        except Exception:  # nobody awaits a clock
            logger.exception("The clock of the task %s has stopped: it does not run again in this process.", task.name)

    async def drain(self) -> None:
        deadline = self._deadline or time.monotonic() + SHUTDOWN_LIMIT
        while self._jobs - self._resting and time.monotonic() < deadline:  # noqa: ASYNC110 (two conditions, no event)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for clock in self._clocks:
            clock.cancel()
        await self.drain()
        if self._jobs:
            names = Counter(job.get_name() for job in self._jobs)
            counted = ", ".join(f"{name} ({number})" for name, number in sorted(names.items()))
            logger.warning("The process ends before these tasks: %s.", counted)
        for job in self._jobs:
            job.cancel()
