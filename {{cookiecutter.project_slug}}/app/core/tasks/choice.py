"""Background work: no answer waits for it, and what fails is tried again.

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

from collections.abc import Iterable
from types import ModuleType

from fastapi import FastAPI

from app.core.tasks.declaration import Task, task
from app.core.tasks.process import ProcessTaskQueue
from app.core.tasks.queue import TaskQueue, Tasks

__all__ = ["Task", "TaskQueue", "Tasks", "make_task_queue", "task"]


def make_task_queue(app: FastAPI, modules: Iterable[ModuleType]) -> TaskQueue:
    """Raises StartError."""
    if app.state.settings.task_queue == "process":
        return ProcessTaskQueue(app, modules)
    from app.core.tasks.database import DatabaseTaskQueue  # takes long to load

    return DatabaseTaskQueue(app, modules)
