"""Tasks on a stream of Redis: servers add to it, workers take from it, and what a worker does not finish another does.

A task is in the stream until it is done, so the stream is as long as the work that is left.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage, ScheduledTask, ScheduleSource
from taskiq.exceptions import ScheduledTaskCancelledError, SendTaskError
from taskiq_redis import RedisStreamBroker

from app.core.settings import PROJECT
from app.core.tasks.declaration import Task
from app.core.tasks.process import Clock, TaskReceiver, kicker
from app.core.web import REDIS_CONNECTIONS, Outage, redis_options
from app.settings import Settings

logger = logging.getLogger(__name__)

PREFIX = f"{PROJECT['name']}:tasks"
RETRIES, RETRY_TIMES = f"{PREFIX}:retries", f"{PREFIX}:retry-times"
BLOCK = 2.0  # s that a worker waits for something new before it looks for what others have left
WORKER_TIMEOUT = BLOCK + 3
MAX_DELIVERIES = 5
BATCH = 1000  # entries of whatever kind that are handled at a time
# s for which what one worker has begun to send is left to it. Periodic tasks have a name for each minute, and clocks
# differ; a retry that did not get onto the stream is still there, and another worker shall send it.
PERIODIC_CLAIM, RETRY_CLAIM = 3600, 60
FORGET_CONSUMERS_AFTER = 24 * 3_600_000  # ms

DATA = b"data"  # the one field of an entry
Fields = dict[bytes, bytes]
Entry = tuple[bytes, Fields]


class StreamBroker(RedisStreamBroker):
    def __init__(self, settings: Settings, timeout: float | None = None) -> None:
        assert settings.task_broker_url is not None
        super().__init__(
            settings.task_broker_url.get_secret_value(),
            queue_name=PREFIX,
            consumer_group_name="workers",
            max_connection_pool_size=REDIS_CONNECTIONS,
            **redis_options(timeout),
        )


class StreamTasks:
    """What a server does with tasks: it sends them."""

    def __init__(self, settings: Settings) -> None:
        self._broker = StreamBroker(settings)
        self._turns = asyncio.Semaphore(REDIS_CONNECTIONS)
        self._outage = Outage("The task broker", "tasks run in this process")

    @property
    def is_away(self) -> bool:
        return self._outage.is_on

    async def send(self, task: Task[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return False where the broker is away."""
        async with self._turns:
            if self._outage.allows_a_try():
                with suppress(SendTaskError), self._outage.watch(SendTaskError):
                    await kicker(self._broker, task).kiq(*args, **kwargs)
                    return True
        return False

    async def close(self) -> None:
        await self._broker.shutdown()


class WorkerBroker(StreamBroker):
    """A broker with a `listen` of our own.

    The library's takes over from others only when something new has come (taskiq-redis issue 129), fetches more than
    it runs, ends with the first lost connection, and lets the stream grow.
    """

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        super().__init__(settings, WORKER_TIMEOUT)
        self.redis: Any = Redis(connection_pool=self.connection_pool)  # its types allow for all of its modes at once
        self.outage = Outage("The task broker", "no task runs meanwhile")
        self._takeover = settings.task_takeover_seconds * 1000  # ms
        self._stop = stop

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield one task after the other: what others have held for too long, then what is new."""
        is_prepared = False
        while not self._stop.is_set():  # a cancellation alone may be lost, as Scheduler.stop says
            try:
                with self.outage.watch(RedisError):
                    if not is_prepared:
                        await self._prepare()
                        logger.info("Waiting for tasks.")
                        is_prepared = True
                    entries = await self._abandoned() or await self._new()
            except RedisError:
                is_prepared = False  # it may come back with no data
                await asyncio.sleep(self.outage.retry_after)
                continue
            for identifier, fields in entries:
                yield self._message(identifier, fields)

    async def _prepare(self) -> None:
        """Each worker is a consumer with a name of its own: so those of the dead are removed."""
        with suppress(ResponseError):  # the group is there; from "0" on: also what was sent before there was one
            await self.redis.xgroup_create(self.queue_name, self.consumer_group_name, id="0", mkstream=True)
        for consumer in await self.redis.xinfo_consumers(self.queue_name, self.consumer_group_name):
            if consumer["pending"] == 0 and consumer["idle"] > FORGET_CONSUMERS_AFTER:
                await self.redis.xgroup_delconsumer(self.queue_name, self.consumer_group_name, consumer["name"])

    async def _abandoned(self) -> list[Entry]:
        queue, group = self.queue_name, self.consumer_group_name
        for held in await self.redis.xpending_range(queue, group, "-", "+", 1, idle=self._takeover):
            # Redis gives it to one of those who ask, since it is idle no longer then.
            entries: list[Entry] = await self.redis.xclaim(
                queue, group, self.consumer_name, self._takeover, [held["message_id"]]
            )
            if held["times_delivered"] < MAX_DELIVERIES:
                return entries
            for identifier, fields in entries:
                await self._give_up(identifier, fields)
        return []

    async def _give_up(self, identifier: bytes, fields: Fields) -> None:
        """It may be the task that ends its workers, by taking all memory."""
        with suppress(ValueError):
            name = self.formatter.loads(fields.get(DATA, b"")).task_name
            logger.error("Task %s is given up: %d workers have not finished it.", name, MAX_DELIVERIES)
        await self._acknowledge(identifier)

    async def hand_back(self) -> None:
        """Let others take over at once what we hold: tasks without an end, and what came while we were leaving."""
        queue, group, name = self.queue_name, self.consumer_group_name, self.consumer_name
        held = await self.redis.xpending_range(queue, group, "-", "+", BATCH, consumername=name)
        if identifiers := [entry["message_id"] for entry in held]:
            await self.redis.xclaim(queue, group, name, 0, identifiers, idle=self._takeover, justid=True)

    async def _new(self) -> list[Entry]:
        """Not more than one: what is fetched and waits would look abandoned."""
        streams = await self.redis.xreadgroup(
            self.consumer_group_name, self.consumer_name, {self.queue_name: ">"}, count=1, block=int(BLOCK * 1000)
        )
        return [entry for _, entries in streams for entry in entries]

    def _message(self, identifier: bytes, fields: Fields) -> AckableMessage:
        return AckableMessage(data=fields.get(DATA, b""), ack=partial(self._acknowledge, identifier))

    async def _acknowledge(self, identifier: bytes) -> None:
        async with self.redis.pipeline() as pipe:
            pipe.xack(self.queue_name, self.consumer_group_name, identifier)
            pipe.xdel(self.queue_name, identifier)
            await pipe.execute()


class StreamSource(ScheduleSource):
    """What waits for its time, for all workers: retries are kept by Redis, periodic tasks by each, and one sends them.

    The library's sources go through all keys of the database at each look (taskiq-redis issue 122): 3 s with the
    100,000 counters that throttles may have there.
    """

    def __init__(self, broker: WorkerBroker, clock: Clock) -> None:
        self._redis = broker.redis
        self._outage = broker.outage
        self._clock = clock

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        assert schedule.time is not None
        async with self._redis.pipeline() as pipe:
            pipe.hset(RETRIES, schedule.schedule_id, schedule.model_dump_json())
            pipe.zadd(RETRY_TIMES, {schedule.schedule_id: schedule.time.timestamp()})
            await pipe.execute()

    async def get_schedules(self) -> list[ScheduledTask]:
        if self._outage.allows_a_try():
            with suppress(RedisError), self._outage.watch(RedisError):
                return await self._due_retries() + self._clock.due()
        return []

    async def _due_retries(self) -> list[ScheduledTask]:
        due = await self._redis.zrangebyscore(RETRY_TIMES, 0, time.time(), start=0, num=BATCH)
        texts = await self._redis.hmget(RETRIES, due) if due else []
        return [ScheduledTask.model_validate_json(text) for text in texts if text is not None]

    async def pre_send(self, task: ScheduledTask) -> None:
        """Raises ScheduledTaskCancelledError where another worker sends it."""
        claimed = f"{PREFIX}:claimed:{task.schedule_id}"
        if not await self._redis.set(claimed, "", nx=True, ex=PERIODIC_CLAIM if task.cron else RETRY_CLAIM):
            raise ScheduledTaskCancelledError

    async def post_send(self, task: ScheduledTask) -> None:
        async with self._redis.pipeline() as pipe:
            pipe.zrem(RETRY_TIMES, task.schedule_id)
            pipe.hdel(RETRIES, task.schedule_id)
            await pipe.execute()


class StreamReceiver(TaskReceiver):
    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        try:
            await super().callback(message, raise_err)
        except RedisError as error:
            logger.warning("How a task ended could not be noted, so it will run again: %s", error)
