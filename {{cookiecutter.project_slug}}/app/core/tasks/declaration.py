"""How to write a task, which is work in the background. No answer waits for it. If it fails, it is tried again.

@task
async def greet(app: FastAPI, name: str) -> None: ...

await greet(app, "Ada")            # now, as any function
await tasks.send(greet, "Ada")     # soon: `tasks: Tasks` in a route, `app.state.tasks` elsewhere

Tasks are in the module `tasks` of their app. All arguments but the application are JSON values. A task may run twice,
and on another machine. What fails is tried again after longer and longer waits, for a day; `@task(retries=3)` and
`@task(retry_for=timedelta(hours=1))` end that earlier. `@task(cron="0 3 * * *")` is sent by the clock, in UTC.

`Tasks` belongs to the session of the request, `Db`. While a transaction is open, `send` joins it: the task runs after
the commit, and never after a rollback. The first use of the session opens a transaction, even if it only reads. If the
route leaves it open, `Tasks` commits it, unless the route raises an error. While no transaction is open, the task runs
as soon as possible. So both are right: to send and then commit, and to commit and then send.

`app.state.tasks` belongs to no session; `async with app.state.tasks.bind(db) as tasks:` makes it belong to one.

With TASK_QUEUE=process, tasks run in the process that sends them, and end with it. With TASK_QUEUE=database they wait
in PostgreSQL for `manage.py worker`, and the admin site shows those that have failed.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, Generic, ParamSpec, overload

from fastapi import FastAPI

DAY, TEN_MINUTES = timedelta(days=1), timedelta(minutes=10)

Arguments = ParamSpec("Arguments")
Function = Callable[Concatenate[FastAPI, Arguments], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Task(Generic[Arguments]):
    function: Function[Arguments]
    retries: int = 15
    retry_for: timedelta = DAY
    timeout: timedelta = TEN_MINUTES
    cron: str | None = None

    @property
    def name(self) -> str:
        """As in `accounts.flush_expired_sessions`: what one release has sent, the next must find."""
        return f"{self.function.__module__.split('.')[1]}.{self.function.__name__}"

    async def __call__(self, app: FastAPI, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        await self.function(app, *args, **kwargs)


@overload
def task(function: Function[Arguments]) -> Task[Arguments]: ...
@overload
def task(
    *, retries: int = ..., retry_for: timedelta = ..., timeout: timedelta = ..., cron: str | None = ...
) -> Callable[[Function[Arguments]], Task[Arguments]]: ...
def task(function: Function[Any] | None = None, **options: Any) -> Any:
    return Task(function) if function is not None else lambda function: Task(function, **options)
