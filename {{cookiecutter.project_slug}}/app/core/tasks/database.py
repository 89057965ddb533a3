"""Tasks that wait in PostgreSQL, by procrastinate; a migration makes its tables."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import UUID

import psycopg
from fastapi import FastAPI
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as StoredJob
from procrastinate.jobs import Status
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Actor, acting, place
from app.core.db import DatabaseUnavailable
from app.core.logging import request_id
from app.core.settings import KEEPALIVES, libpq_parameters
from app.core.tasks.declaration import Task
from app.core.tasks.queue import AT_ONCE, WORKER_CONNECTIONS, Job, TaskQueue

logger = logging.getLogger(__name__)

TAKEOVER, TAKEOVER_CRON = "core.take_over", "* * * * * */30"  # the last field is for seconds
SUSPECT = "killed twice"  # a lock of procrastinate: jobs with the same lock run one at a time
MAX_DEATHS = 3  # of workers that ran the same job
KEPT = 30 * 24  # h, for failed jobs
RECONNECT_AFTER = 5.0  # s


class DatabaseTaskQueue(TaskQueue):
    def __init__(self, app: FastAPI, modules: Iterable[ModuleType]) -> None:
        super().__init__(app, modules)
        for name in ("procrastinate.worker", "procrastinate.worker.worker"):
            logging.getLogger(name).addFilter(_without_arguments)
        for name in ("asyncio", "procrastinate.utils", "procrastinate.worker", "procrastinate.worker.worker"):
            logging.getLogger(name).addFilter(_without_outages)
        self._sender = self._make()  # it uses the connections of the sessions, so it is never opened
        self._worker: asyncio.Task[None] | None = None

    def _make(self) -> App:
        url = self.app.state.database.engine.url
        parameters = {**KEEPALIVES, **libpq_parameters(url), "prepare_threshold": None}  # as for all other connections
        # A worker whose database is away waits this long for each thing that it still wants to store.
        timeout = self.app.state.settings.database_timeout
        pool = {"min_size": 1, "max_size": WORKER_CONNECTIONS, "timeout": timeout}
        queue = App(connector=PsycopgConnector(kwargs=parameters, **pool))
        for task in self.tasks:
            stored = queue.task(name=task.name, retry=Retries(task), pass_context=True)(self._bind(task))
            if task.cron is not None:
                queue.periodic(cron=task.cron)(stored)
        takeover = queue.task(name=TAKEOVER, queueing_lock=TAKEOVER, pass_context=True)(take_over)
        queue.periodic(cron=TAKEOVER_CRON)(takeover)
        return queue

    def _bind(self, task: Task[Any]) -> Any:
        async def run(context: JobContext, **stored: Any) -> None:
            actor_id, name, where = stored.get("actor", ("", "", ""))
            acting.set(Actor(UUID(actor_id) if actor_id else None, name))
            place.set(where)
            request_id.set(stored.get("request_id"))
            await _job(task, stored).run(self.app)

        return run

    async def enqueue(self, job: Job, db: AsyncSession | None) -> None:
        if db is None:
            async with self.app.state.database.session() as own:
                await self.enqueue(job, own)
                await own.commit()
            return
        connection = await db.connection()
        raw = await connection.get_raw_connection()
        actor = acting.get()
        try:
            await self._sender.configure_task(job.task.name, connection=raw.driver_connection).defer_async(
                args=[*job.args],
                kwargs={**job.kwargs},
                sent_at=job.sent_at,
                request_id=request_id.get(),
                actor=[str(actor.id or ""), actor.name, place.get()],
            )
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.DataError):  # such as a NUL character
                raise
            await connection.invalidate()
            await self.app.state.database.dispose()  # the other connections are likely to be lost, too
            raise DatabaseUnavailable(_reason(error)) from error

    async def start(self) -> None:
        if self.app.state.settings.task_worker:
            self._worker = asyncio.create_task(self.work(AT_ONCE, patience=1))

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def work(self, concurrency: int, patience: float, poll: float = 5.0) -> None:
        """Run waiting tasks until the call is cancelled. Running tasks then have `patience` seconds to end. After that,
        other workers run them again.
        """
        while True:
            try:
                async with self._make().open_async() as queue:
                    logger.info("Waiting for tasks.")
                    await queue.run_worker_async(
                        concurrency=concurrency,
                        fetch_job_polling_interval=poll,
                        delete_jobs="successful",
                        shutdown_graceful_timeout=patience,
                        install_signal_handlers=False,
                    )
                # It returns only when a part of it fails, mostly because it has lost its connection.
                logger.warning("The database is away, no task runs meanwhile: a connection was lost")
            except (ConnectorException, psycopg.Error) as error:
                state = "is not migrated" if _is_unmigrated(error) else "is away"
                logger.warning("The database %s, no task runs meanwhile: %s", state, _reason(error))
            await asyncio.sleep(RECONNECT_AFTER)

    async def retry(self, jobs: Iterable[int]) -> None:
        """Try failed jobs again. A job that somebody else has tried meanwhile may be gone: it is left out."""
        async with self._make().open_async() as queue:
            for job in jobs:
                try:
                    await queue.job_manager.retry_job_by_id_async(job, datetime.now(UTC), priority=0)
                except ConnectorException as error:
                    if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                        raise


@dataclass
class Retries(BaseRetryStrategy):
    task: Task[Any]

    def get_retry_decision(self, *, exception: BaseException, job: StoredJob) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):  # the worker ends
            return RetryDecision(retry_in={"seconds": 0})
        delay = _job(self.task, job.task_kwargs).retry_after(exception, job.attempts + 1)
        return None if delay is None else RetryDecision(retry_in={"seconds": round(delay)})


def _job(task: Task[Any], stored: Mapping[str, Any]) -> Job:
    """For a periodic task, procrastinate stores only the planned time."""
    sent_at = stored.get("sent_at", stored.get("timestamp", 0))
    return Job(task, stored.get("args", ()), stored.get("kwargs", {}), sent_at)


async def take_over(context: JobContext, timestamp: int) -> None:
    """Let other workers run the jobs of dead workers. Each death lowers the priority of the job by one, so new jobs go
    first. After two deaths, such jobs run one at a time. So a job that kills workers ends no other job a third time.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        deaths = 1 - job.priority
        if job.task_name == TAKEOVER:
            await manager.finish_job(job, Status.FAILED, delete_job=True)
        elif deaths < MAX_DEATHS:
            await manager.retry_job(job, priority=-deaths, lock=SUSPECT if deaths > 1 else None)
        else:
            logger.error("Task %s is given up: %d workers died with it.", job.task_name, deaths)
            await manager.finish_job(job, Status.FAILED, delete_job=False)
    await manager.delete_old_jobs(KEPT, include_failed=True)


def _reason(error: Exception) -> str:
    """Return what the driver says, in one line, and what to do."""
    line = str(error.__cause__ or error).partition("\n")[0]
    return f"{line}. Run `python manage.py migrate`." if _is_unmigrated(error) else line


def _is_unmigrated(error: Exception) -> bool:
    """procrastinate uses only its own tables and functions."""
    return isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedFunction)


def _without_outages(record: logging.LogRecord) -> bool:
    """`work` says in one line that the database is away. procrastinate has a traceback for each part of the worker."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, ConnectorException) and isinstance(error.__cause__, psycopg.OperationalError))


def _without_arguments(record: logging.LogRecord) -> bool:
    """procrastinate logs the arguments of jobs, which may be secret. Keep only what we do not log ourselves."""
    job = vars(record).pop("job", None)
    if job and vars(record)["action"] == "task_not_found":
        record.msg, record.exc_info = f"Task {job['task_name']} failed: there is no such task here.", None
        return True
    return not job
