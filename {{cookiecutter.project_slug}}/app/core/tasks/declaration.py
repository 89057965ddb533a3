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

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, overload

from fastapi import FastAPI

RETRIES = 5

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
