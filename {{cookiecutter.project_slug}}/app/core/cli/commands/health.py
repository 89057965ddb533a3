from http.client import HTTPConnection, HTTPException
from typing import Annotated
from urllib.parse import urlsplit

import typer
from anyio import to_thread

from app.core.cli.application import asynchronous
from app.core.cli.errors import CommandError
from app.core.db import Database
from app.core.ops import Probe
from app.settings import get_settings

cli = typer.Typer()

DEADLINE = 3.0  # s


@cli.command(rich_help_panel="Server")
@asynchronous
async def health(
    url: Annotated[str | None, typer.Argument(help="Ask this server, for example http://127.0.0.1:8000.")] = None,
) -> None:
    """Tell whether the database answers within a second. If not, the exit status is 1.

    Use it in the health checks of containers: with its URL for a server, and without one for a worker.
    """
    fault = await to_thread.run_sync(_fault_of, url) if url else await _fault()
    if fault:
        raise CommandError(f"Not ready: {fault}.")
    print("Ready.")


async def _fault() -> str:
    database = Database(get_settings().database_url, timeout=1, statement_timeout=1)
    try:
        return await Probe(database).fault()
    finally:
        await database.dispose()


def _fault_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise CommandError(f"{url!r} is not an address such as http://127.0.0.1:8000.")
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=DEADLINE)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/health/ready")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return "" if status == 200 else f"the server answers {status}"
