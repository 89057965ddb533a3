"""Takes tasks, and hands them to the broker or runs them in this process."""

import json
import signal
import threading
import time
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from app.core.tasks.declaration import Arguments, Task
from app.settings import Settings

if TYPE_CHECKING:
    from app.core.tasks.stream import StreamTasks


# s from SIGTERM on. The contract with whoever sends it is 10; requests, which are waited for first, get 8 of them.
SHUTDOWN_LIMIT = 9.0


class TaskQueue:
    """Takes tasks, and hands them to the broker or runs them in this process."""

    def __init__(self, app: FastAPI, modules: Iterable[ModuleType]) -> None:
        from app.core.tasks.process import ProcessTasks  # takes long to load, and most commands do without

        settings: Settings = app.state.settings
        found = (value for module in modules for value in vars(module).values() if isinstance(value, Task))
        self.tasks: dict[str, Task[Any]] = {task.name: task for task in found}
        self._stream = _stream(settings)
        self._process = ProcessTasks(app, self.tasks.values(), is_alone=self._stream is None)
        self._deadline: float | None = None

    @property
    def broker_is_away(self) -> bool:
        return self._stream is not None and self._stream.is_away

    async def send(self, task: Task[Arguments], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Return at once; the task runs later. Raises TypeError where an argument is no JSON value."""
        json.dumps((args, kwargs))
        if self._stream is None or not await self._stream.send(task, args, kwargs):
            await self._process.send(task, args, kwargs)

    async def start(self) -> None:
        self._note_sigterm()
        self._process.start()

    def _note_sigterm(self) -> None:
        """The server waits for requests before it tells us to end; so we learn how much time is left for tasks."""
        handler = signal.getsignal(signal.SIGTERM)
        if not callable(handler) or threading.current_thread() is not threading.main_thread():
            return

        def note(number: int, frame: FrameType | None) -> None:
            self._deadline = self.deadline()
            handler(number, frame)

        signal.signal(signal.SIGTERM, note)

    def deadline(self) -> float:
        """Return when all must have ended, by the monotonic clock: counted from SIGTERM, or else from now."""
        return self._deadline or time.monotonic() + SHUTDOWN_LIMIT

    async def drain(self) -> None:
        """Wait until no task runs in this process any more, or the deadline has come."""
        await self._process.drain(self.deadline())

    async def stop(self) -> None:
        await self._process.stop(self.deadline())
        if self._stream is not None:
            await self._stream.close()


def _stream(settings: Settings) -> "StreamTasks | None":
    if settings.task_broker_url is None:
        return None
    from app.core.tasks.stream import StreamTasks  # takes longer still

    return StreamTasks(settings)


async def get_tasks(connection: HTTPConnection) -> TaskQueue:
    queue: TaskQueue = connection.app.state.tasks
    return queue


Tasks = Annotated[TaskQueue, Depends(get_tasks)]
