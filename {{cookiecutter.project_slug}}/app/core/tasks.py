"""Work in the background: no answer waits for it, and what fails is tried again.

@task                              # or @task(retries=8); @task(cron="0 * * * *") is sent by the clock, in UTC
async def greet(app: FastAPI, name: str) -> None: ...

await greet(app, "Ada")            # now, as any function
await tasks.send(greet, "Ada")     # soon: `tasks: Tasks` in a route, `app.state.tasks` elsewhere

Tasks stand in the module `tasks` of their app. All arguments but the application are JSON values. A task may run twice,
on different machines, and perhaps before a transaction that is still open ends: commit, then send. It has nine tenths
of TASK_TAKEOVER_SECONDS to end.

They run in the server's process or, where TASK_BROKER_URL names a Redis, in `manage.py worker`; while that Redis is
away, in the server's process too.
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Generic, ParamSpec, overload

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from app.settings import Settings

if TYPE_CHECKING:
    from app.core.task_stream import StreamTasks

RETRIES = 5
# s from SIGTERM on. The contract with whoever sends it is 10; requests, which are waited for first, get 8 of them.
SHUTDOWN_LIMIT = 9.0

Arguments = ParamSpec("Arguments")
Function = Callable[Concatenate[FastAPI, Arguments], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Task(Generic[Arguments]):
    function: Function[Arguments]
    retries: int
    cron: str | None

    @property
    def name(self) -> str:
        """As in `accounts.flush_expired_sessions`: what one release has sent, the next must find."""
        return f"{self.function.__module__.split('.')[1]}.{self.function.__name__}"

    async def __call__(self, app: FastAPI, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        await self.function(app, *args, **kwargs)


@overload
def task(function: Function[Arguments]) -> Task[Arguments]: ...


@overload
def task(*, retries: int = RETRIES, cron: str | None = None) -> Callable[[Function[Arguments]], Task[Arguments]]: ...


def task(function: Function[Any] | None = None, *, retries: int = RETRIES, cron: str | None = None) -> Any:
    def decorate(function: Function[Arguments]) -> Task[Arguments]:
        return Task(function, retries, cron)

    return decorate if function is None else decorate(function)


class TaskQueue:
    """Takes tasks, and hands them to the broker or runs them in this process."""

    def __init__(self, app: FastAPI, modules: Iterable[ModuleType]) -> None:
        from app.core.task_process import ProcessTasks  # takes long to load, and most commands do without

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
    from app.core.task_stream import StreamTasks  # takes longer still

    return StreamTasks(settings)


async def get_tasks(connection: HTTPConnection) -> TaskQueue:
    queue: TaskQueue = connection.app.state.tasks
    return queue


Tasks = Annotated[TaskQueue, Depends(get_tasks)]
