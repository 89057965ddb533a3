"""Which queue the settings ask for."""

from collections.abc import Iterable
from types import ModuleType

from fastapi import FastAPI

from app.core.tasks.process import ProcessTaskQueue
from app.core.tasks.queue import TaskQueue


def make_task_queue(app: FastAPI, modules: Iterable[ModuleType]) -> TaskQueue:
    """Raises StartError."""
    if app.state.settings.task_queue == "process":
        return ProcessTaskQueue(app, modules)
    from app.core.tasks.database import DatabaseTaskQueue  # takes long to load

    return DatabaseTaskQueue(app, modules)
