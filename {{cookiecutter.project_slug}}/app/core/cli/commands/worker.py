import asyncio
import signal
from contextlib import suppress
from typing import Annotated

import typer
from fastapi import FastAPI
from prometheus_client import start_http_server

from app.core.cli.application import load_application
from app.core.cli.commands.server import parse_address
from app.core.cli.errors import CommandError
from app.core.ops import counted
from app.settings import get_settings

cli = typer.Typer()

PATIENCE = 7.0  # s after SIGTERM for running tasks. The sender of SIGTERM allows 10.


@cli.command(rich_help_panel="Server")
def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="How many tasks run at the same time.")] = 20,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Serve its metrics here, without a token.")
    ] = None,
) -> None:
    """Run the tasks that wait in the database, and the periodic tasks. With TASK_QUEUE=process, the servers do this."""
    if get_settings().task_queue != "database":
        raise CommandError("TASK_QUEUE is process, so the servers run the tasks; a worker needs TASK_QUEUE=database.")
    # At SIGINT, asyncio ends in good order. But a shell that starts a command in the background ignores SIGINT for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if metrics is not None:
        host, port = parse_address(metrics)
        start_http_server(port, host, registry=counted())
    with suppress(KeyboardInterrupt):
        asyncio.run(work(load_application(), concurrency))


async def work(app: FastAPI, concurrency: int) -> None:
    async with app.router.lifespan_context(app):
        await app.state.tasks.work(concurrency, PATIENCE)
