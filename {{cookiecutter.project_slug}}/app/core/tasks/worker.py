"""What `manage.py worker` does."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI

from app.core.tasks.queue import TaskQueue


async def run_worker(app: FastAPI, at_once: int, stop: asyncio.Event) -> None:
    """Run what is on the stream until `stop` is set; what has begun by then goes on until the queue's deadline."""
    # Both take long to load, and servers do without.
    from redis.exceptions import RedisError

    from app.core.tasks.process import CANCEL_LIMIT, Clock, Scheduler, register
    from app.core.tasks.stream import StreamReceiver, StreamSource, WorkerBroker

    queue: TaskQueue = app.state.tasks
    broker = WorkerBroker(app.state.settings, stop)
    register(broker, app, queue.tasks.values())
    # A worker that starts in the middle of a minute looks whether another has sent what was due in it.
    clock = Clock(queue.tasks.values(), since=datetime.now(UTC) - timedelta(minutes=1))
    source = StreamSource(broker, clock)
    receiver = StreamReceiver(broker, source, app.state.settings, at_once)
    scheduler = Scheduler(broker, [source])
    scheduler.start()
    try:
        await receiver.listen(stop)
        await receiver.drain(queue.deadline())
        with suppress(RedisError, TimeoutError):
            await asyncio.wait_for(broker.hand_back(), CANCEL_LIMIT)
    finally:
        await scheduler.stop()
        await broker.shutdown()
