"""Tasks in this process: taskiq's parts, and what they lack."""

import asyncio
import inspect
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import Any

from fastapi import FastAPI
from taskiq import (
    AckableMessage,
    AsyncBroker,
    InMemoryBroker,
    ScheduledTask,
    ScheduleSource,
    TaskiqMessage,
    TaskiqScheduler,
)
from taskiq.cli.scheduler.run import is_cron_task_now
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver
from taskiq.result_backends.dummy import DummyResultBackend

from app.core.logging import request_id
from app.core.tasks.declaration import RETRIES, Task
from app.settings import Settings

logger = logging.getLogger(__name__)

AT_ONCE = 20  # tasks of one process
TICK = 1.0  # s between two looks for what is due
CANCEL_LIMIT = 0.3  # s for what comes after the deadline
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 5.0, 3600.0  # s; it doubles each time


def register(broker: AsyncBroker, app: FastAPI, tasks: Iterable[Task[Any]]) -> None:
    for task in tasks:
        broker.register_task(_bind(task, app), task.name, retries=task.retries)


def _bind(task: Task[Any], app: FastAPI) -> Callable[..., Awaitable[None]]:
    async def bound(*args: Any, **kwargs: Any) -> None:
        await task.function(app, *args, **kwargs)

    return bound


def kicker(broker: AsyncBroker, task: Task[Any]) -> AsyncKicker[Any, Any]:
    identifier = request_id.get()
    return AsyncKicker(task.name, broker, {"request_id": identifier} if identifier else {})


class TaskReceiver(Receiver):
    """Runs the tasks that come through a broker.

    The library's `callback` acknowledges what was cancelled, logs messages in full, secrets included, and failures
    without saying of which task.
    """

    def __init__(self, broker: AsyncBroker, source: ScheduleSource, settings: Settings, at_once: int = AT_ONCE) -> None:
        # It is not to start the broker, which may be away, nor to wait at the end: `drain` does.
        super().__init__(broker, max_async_tasks=at_once, run_startup=False, wait_tasks_timeout=0)
        self._source = source
        # Before others take it over, so that no task runs twice at the same time.
        self._limit = settings.task_takeover_seconds * 0.9
        self._turns = asyncio.Semaphore(at_once)
        self._running: dict[asyncio.Task[Any], str] = {}

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        data = message.data if isinstance(message, AckableMessage) else message
        try:
            parsed = self.broker.formatter.loads(data)
        except ValueError:
            logger.error("What is no task was taken out of the queue.")
        else:
            await self._run(parsed)
        if isinstance(message, AckableMessage) and inspect.isawaitable(done := message.ack()):
            await done

    async def _run(self, message: TaskiqMessage) -> None:
        request_id.set(message.labels.get("request_id"))
        current = asyncio.current_task()
        assert current is not None
        self._running[current] = message.task_name
        current.add_done_callback(self._running.pop)  # not before it is acknowledged
        started = time.monotonic()
        try:
            async with self._turns, asyncio.timeout(self._limit):
                await self._call(message)
            logger.info("Task %s done in %.1f ms.", message.task_name, (time.monotonic() - started) * 1000)
        except Exception as error:
            await self._try_again(message, error)

    async def _call(self, message: TaskiqMessage) -> None:
        task = self.broker.find_task(message.task_name)
        if task is None:
            raise LookupError("no app here has such a task")
        await task.original_func(*message.args, **message.kwargs)

    async def _try_again(self, message: TaskiqMessage, error: Exception) -> None:
        """Also what is unknown here, or does not fit: the worker may be one of the last release, and others not."""
        tries = int(message.labels.get("tries", 0)) + 1
        task = self.broker.find_task(message.task_name)
        if tries > (task.labels["retries"] if task else RETRIES):
            logger.error("Task %s failed, and is given up.", message.task_name, exc_info=error)
            return
        delay = retry_delay(tries)
        retry = ScheduledTask(
            task_name=message.task_name,
            labels={**message.labels, "tries": str(tries)},
            args=message.args,
            kwargs=message.kwargs,
            task_id=message.task_id,
            time=datetime.now(UTC) + timedelta(seconds=delay),
        )
        await self._source.add_schedule(retry)
        logger.warning("Task %s failed, next try in %.0f s.", message.task_name, delay, exc_info=error)

    async def drain(self, deadline: float) -> None:
        """Wait for what runs, and for what that sends; what has not ended by the deadline is cancelled."""
        await asyncio.sleep(0)  # what was sent just now begins
        while self._running and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait(self._running, timeout=left)
        if self._running:
            log_unfinished(self._running.values())
            for running in self._running:
                running.cancel()
            await asyncio.wait(self._running, timeout=CANCEL_LIMIT)


def retry_delay(tries: int) -> float:
    """Return the seconds before the next try, so that what failed together is not tried again together."""
    delay = min(FIRST_RETRY_AFTER * 2.0 ** (tries - 1), LONGEST_RETRY_AFTER)
    return delay * uniform(0.75, 1.25)  # noqa: S311 (no secret depends on it)


def log_unfinished(names: Iterable[str]) -> None:
    counted = (f"{name} ({count})" for name, count in sorted(Counter(names).items()))
    logger.warning("The process ends before these tasks: %s.", ", ".join(counted))


class Clock:
    """Says which periodic tasks are due: each once in every minute that its cron names."""

    def __init__(self, tasks: Iterable[Task[Any]], since: datetime) -> None:
        """Raises CronValueError."""
        self._crons = {task.name: task.cron for task in tasks if task.cron is not None}
        self._minute = _minute(since)
        for cron in self._crons.values():
            is_cron_task_now(cron, since)

    def due(self) -> list[ScheduledTask]:
        minute = _minute(datetime.now(UTC))
        if minute <= self._minute:
            return []
        self._minute = minute
        return [
            ScheduledTask(
                task_name=name, labels={}, args=[], kwargs={}, cron=cron, schedule_id=f"{name}:{minute.isoformat()}"
            )
            for name, cron in self._crons.items()
            if is_cron_task_now(cron, minute)
        ]


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


class MemorySource(ScheduleSource):
    """What waits for its time: periodic tasks, and retries, which are lost with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._retries: dict[str, ScheduledTask] = {}

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self._retries[schedule.schedule_id] = schedule

    async def get_schedules(self) -> list[ScheduledTask]:
        now = datetime.now(UTC)
        due = [schedule for schedule in self._retries.values() if schedule.time is not None and schedule.time <= now]
        return due + self._clock.due()

    async def post_send(self, task: ScheduledTask) -> None:
        self._retries.pop(task.schedule_id, None)

    def waiting(self) -> list[str]:
        return [schedule.task_name for schedule in self._retries.values()]


class Scheduler(TaskiqScheduler):
    """Sends what its sources say is due. The library's loop forgets what it once could not send."""

    def start(self) -> None:
        self._is_stopped = False
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """By two means: `wait_for`, which redis-py uses, can lose a cancellation before Python 3.12 (cpython 86296)."""
        self._is_stopped = True
        self._running.cancel()
        await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._is_stopped:
            for source in self.sources:
                for schedule in await source.get_schedules():
                    await self._send(source, schedule)
            await asyncio.sleep(TICK)

    async def _send(self, source: ScheduleSource, schedule: ScheduledTask) -> None:
        try:
            await self.on_ready(source, schedule)
        except Exception as error:
            logger.warning("Task %s could not be sent: %s", schedule.task_name, error.__cause__ or error)


class ProcessTasks:
    def __init__(self, app: FastAPI, tasks: Iterable[Task[Any]], *, is_alone: bool) -> None:
        """`is_alone` where there are no workers, so that periodic tasks are ours as well."""
        self._broker = InMemoryBroker().with_result_backend(DummyResultBackend())
        self._source = MemorySource(Clock(tasks if is_alone else (), since=datetime.now(UTC)))
        self._receiver = TaskReceiver(self._broker, self._source, app.state.settings)
        self._broker.receiver = self._receiver
        self._scheduler = Scheduler(self._broker, [self._source])
        register(self._broker, app, tasks)

    async def send(self, task: Task[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        await kicker(self._broker, task).kiq(*args, **kwargs)

    def start(self) -> None:
        self._scheduler.start()

    async def drain(self, deadline: float) -> None:
        await self._receiver.drain(deadline)

    async def stop(self, deadline: float) -> None:
        """The broker's own `shutdown` would lose what runs, and its `wait_all` has no end."""
        await self._scheduler.stop()
        await self._receiver.drain(deadline)
        if waiting := self._source.waiting():
            log_unfinished(waiting)
        await self._broker.shutdown()
