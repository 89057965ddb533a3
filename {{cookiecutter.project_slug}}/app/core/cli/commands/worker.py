import asyncio
import signal
from types import FrameType
from typing import Annotated

import typer
from fastapi import FastAPI

from app.core.cli.application import load_application
from app.core.cli.errors import CommandError
from app.core.tasks import run_worker
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Server")
def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="How many tasks run at the same time.")] = 20,
) -> None:
    """Run the tasks that servers send, and the periodic ones; where TASK_BROKER_URL is empty, the servers do."""
    if get_settings().task_broker_url is None:
        raise CommandError("TASK_BROKER_URL is empty, so tasks run in the server's process; a worker needs a Redis.")
    asyncio.run(work(load_application(), concurrency))


async def work(app: FastAPI, concurrency: int) -> None:
    stop = asyncio.Event()
    _set_on_signals(stop)
    async with app.router.lifespan_context(app):
        await run_worker(app, concurrency, stop)


def _set_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def end(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # who is in a hurry presses Ctrl-C again

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
