import asyncio
import json
import re
import sys
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from uvicorn.importer import import_from_string

from app.core.cli import CommandError, open_database
from app.core.database import DatabaseUnavailable
from app.core.migrations import pending
from app.settings import BASE_DIR, get_settings

cli = typer.Typer()

APPLICATION = "app.main:app"
ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")


@cli.command()
def runserver(
    address: Annotated[str, typer.Argument(metavar="[[HOST:]PORT]", envvar="PORT")] = "8000",
    reload: Annotated[bool, typer.Option(help="Restart when a source file changes.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one means no reload.")] = 1,
) -> None:
    """Serve on this machine (127.0.0.1:8000), for development."""
    host, port = parse_address(address)
    get_settings()  # what is wrong with them is said once, here, and not by every process that is started
    asyncio.run(_warn_of_pending_migrations())
    uvicorn.run(
        APPLICATION,
        host=host,
        port=port,
        reload=reload and workers == 1,
        reload_dirs=[str(BASE_DIR / "app")],
        workers=workers,
        access_log=False,  # our own middleware writes it
        server_header=False,
        proxy_headers=False,  # nobody stands between, so nobody may say where a request came from
        timeout_graceful_shutdown=8,
    )


def parse_address(address: str) -> tuple[str, int]:
    match = ADDRESS.fullmatch(address)
    if match is None or not 0 <= int(match["port"]) <= 65535:
        raise CommandError(f"{address!r} is not [HOST:]PORT, as in 8000 or 0.0.0.0:8000.")
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


async def _warn_of_pending_migrations() -> None:
    try:
        async with open_database() as database:
            missing = await pending(database)
    except DatabaseUnavailable as error:
        print(f"Warning: the database cannot be reached: {error}", file=sys.stderr)
        return
    if missing:
        print(f"Warning: not applied yet: {', '.join(missing)}. Run `python manage.py migrate`.", file=sys.stderr)


@cli.command()
def routes() -> None:
    """List every route: its methods, its path, and the function that answers."""
    rows = [
        (",".join(sorted(route.methods or ())), route.path or "", _qualified_name(route.endpoint))
        for route in iter_route_contexts(_application().routes)
    ]
    width = max(len(methods) for methods, _, _ in rows)
    depth = max(len(path) for _, path, _ in rows)
    for methods, path, name in sorted(rows, key=lambda row: row[1]):
        print(f"{methods:<{width}}  {path:<{depth}}  {name}")


def _qualified_name(endpoint: object) -> str:
    return f"{getattr(endpoint, '__module__', '')}.{getattr(endpoint, '__qualname__', '')}".strip(".")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document, for generators of clients."""
    print(json.dumps(_application().openapi(), indent=2, ensure_ascii=False))


def _application() -> FastAPI:
    get_settings()
    application: FastAPI = import_from_string(APPLICATION)
    return application
