"""Work in the background; `declaration.py` says how to write a task."""

from app.core.tasks.declaration import Task, task
from app.core.tasks.queue import TaskQueue, Tasks
from app.core.tasks.worker import run_worker

__all__ = [
    "Task",
    "TaskQueue",
    "Tasks",
    "run_worker",
    "task",
]
