"""Work in the background; `declaration.py` says how to write a task."""

from app.core.tasks.choice import make_task_queue
from app.core.tasks.declaration import Task, task
from app.core.tasks.models import BackgroundJob
from app.core.tasks.queue import WORKER_CONNECTIONS, TaskQueue, Tasks

__all__ = [
    "WORKER_CONNECTIONS",
    "BackgroundJob",
    "Task",
    "TaskQueue",
    "Tasks",
    "make_task_queue",
    "task",
]
