import asyncio
import json
import os
import re
import socket
from collections.abc import Iterator
from operator import itemgetter
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from app.core.cli.application import load_application, open_database
from app.core.cli.console import print_table, say
from app.core.cli.errors import CommandError
from app.core.cli.problems import report
from app.core.ops import run_checks
from app.core.settings import BASE_DIR, TITLE
from app.settings import get_settings

cli = typer.Typer()

ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")
EVERY_INTERFACE = ("0.0.0.0", "::")  # noqa: S104 (what is asked for, not what we choose)
Row = tuple[str, str, str, str]
UNSAID = "everybody, but it does not say @public"
PAGES = ("/", "/docs", "/admin")  # where people begin, as far as these are served


@cli.command(rich_help_panel="Server")
def runserver(
    address: Annotated[
        str, typer.Argument(metavar="[HOST:]PORT", envvar="PORT", help="As in 8001, or 0.0.0.0:8000 for the network.")
    ] = "8000",
    reload: Annotated[bool, typer.Option(help="Start again when a source file changes.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one means no reload.")] = 1,
) -> None:
    """Serve on this machine, for development: http://127.0.0.1:8000.

    It begins by saying what is there to be seen, and what is still to be done.
    """
    host, port = parse_address(address)
    _refuse_busy(host, port)
    _lead_links_to(origin(host, port))
    _run_worker()
    application = load_application()  # what is wrong is said once, here, and not by every process that is started
    asyncio.run(_advise())
    _welcome(application, host, port)
    uvicorn.run(
        "app.main:app",
        host=host,
        port=port,
        reload=reload and workers == 1,
        reload_dirs=[str(BASE_DIR / "app")],
        workers=workers,
        log_config=None,  # the application has made its own
        log_level="warning",  # we have said where it is
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


def _refuse_busy(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # else a server that has just ended would keep it busy for a minute
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = str(error.strerror).lower()
            hint = f"Choose another, as in `runserver {port + 1}`."
            raise CommandError(f"Port {port} of {host}: {reason}. {hint}") from None


def _lead_links_to(here: str) -> None:
    """Begin links in mails so where PUBLIC_URL says nothing else; in the processes that are started, too."""
    if "public_url" not in get_settings().model_fields_set:
        os.environ["PUBLIC_URL"] = here
        get_settings.cache_clear()


def _run_worker() -> None:
    """Be a worker in the processes that are started, too, where a worker is needed."""
    os.environ["TASK_WORKER"] = "true"
    get_settings.cache_clear()


async def _advise() -> None:
    async with open_database() as database:
        for problem in await run_checks(get_settings(), database, start=True):
            report(problem)


def _welcome(application: FastAPI, host: str, port: int) -> None:
    where = " ".join(addresses(application, host, port))
    say("Starting ", (TITLE, "bold"), " at ", (where, "cyan"), ". Ctrl-C ends it.")


def addresses(application: FastAPI, host: str, port: int) -> list[str]:
    """Return where a browser finds something: the pages that are served, or the root if none is."""
    first = origin(host, port)
    served = {route.path for route in iter_route_contexts(application.routes)}
    return [first + page for page in PAGES if page in served] or [first]


def origin(host: str, port: int) -> str:
    name = "localhost" if host in EVERY_INTERFACE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@cli.command(rich_help_panel="Server")
def routes() -> None:
    """List every route: its methods, its path, who may call it, and what answers."""
    print_table(("Methods", "Path", "Who may call", "Answers"), listed(load_application()), unbroken=["Path"])


def listed(application: FastAPI) -> list[Row]:
    return sorted((_row(route) for route in iter_route_contexts(application.routes)), key=itemgetter(1, 0))


def _row(route: RouteContext) -> Row:
    original = route.original_route
    methods = "WS" if isinstance(original, WebSocketRoute) else ",".join(sorted(route.methods or ("*",)))
    mounted = original.app if isinstance(original, Mount) else None
    dependant = getattr(route, "dependant", None)  # Starlette's own routes have none
    who = [*(admitted(dependant) if dependant else ()), *_admission(mounted or route.endpoint)]
    return methods, route.path or "", ", ".join(who) or UNSAID, _name(route.endpoint or type(mounted))


def admitted(dependant: Dependant) -> list[str]:
    """Return whom the dependencies let pass, as each says in its attribute `admits`, where it has one.

    What one of them stands on says less than it does, and is left out.
    """
    asked = list(_admitting(dependant))
    implied = {text for part in asked for below in _admitting(part) for text in _admission(below.call)}
    said = dict.fromkeys(text for part in asked for text in _admission(part.call))
    return [text for text in said if text not in implied]


def _admitting(dependant: Dependant) -> Iterator[Dependant]:
    for part in dependant.dependencies:
        if _admission(part.call):
            yield part
        yield from _admitting(part)


def _admission(guard: object) -> list[str]:
    return [guard.admits] if hasattr(guard, "admits") else []


def _name(answering: object) -> str:
    name = f"{getattr(answering, '__module__', '')}.{getattr(answering, '__qualname__', '')}"
    return name.replace(".<locals>", "").strip(".")


@cli.command(rich_help_panel="Server")
def openapi() -> None:
    """Print the OpenAPI document, for generators of clients.

    For example: `openapi > openapi.json`.
    """
    print(json.dumps(load_application().openapi(), indent=2, ensure_ascii=False))
