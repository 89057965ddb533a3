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
