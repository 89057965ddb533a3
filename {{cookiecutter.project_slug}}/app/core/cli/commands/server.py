import asyncio
import os
import re
import socket
from collections.abc import Iterator
from operator import itemgetter
from typing import Annotated

import typer
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from app.core.cli.application import load_application, open_database
from app.core.cli.commands.project import report
from app.core.cli.console import print_table, say
from app.core.cli.errors import CommandError
from app.core.ops import run_checks
from app.core.settings import BASE_DIR, LOCAL_HOSTS, TITLE
from app.settings import get_settings

cli = typer.Typer()

ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")
EVERY_INTERFACE = ("0.0.0.0", "::")  # noqa: S104 (the developer chooses it, not we)
Row = tuple[str, str, str, str]
UNSAID = "everybody, but it is not marked @public"
PAGES = ("/", "/docs", "/admin")  # where people begin


@cli.command(rich_help_panel="Server")
def runserver(
    address: Annotated[
        str, typer.Argument(metavar="[HOST:]PORT", envvar="PORT", help="For example 8001 or 0.0.0.0:8000.")
    ] = "8000",
    reload: Annotated[bool, typer.Option(help="Start again when a source file changes.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one means no reload.")] = 1,
) -> None:
    """Serve on this machine, for development: http://127.0.0.1:8000.

    At the start it prints the addresses of the pages, and what is still to be done.
    """
    import uvicorn

    host, port = parse_address(address)
    _refuse_busy(host, port)
    _set_environment(host, port)
    reload = reload and workers == 1
    application = load_application()  # reports an error once, before every new process does
    asyncio.run(_advise())
    everywhere = [f"http://{name}:{port}" for name in hosts(host)] if host in EVERY_INTERFACE else []
    where = " ".join([*addresses(application, host, port), *everywhere])
    say("Starting ", (TITLE, "bold"), " at ", (where, "cyan"), ". Ctrl-C ends it.")
    uvicorn.run(
        "app.main:app",
        host=host,
        port=port,
        reload=reload,
        reload_dirs=[str(BASE_DIR / "app")] if reload else None,  # else uvicorn warns
        workers=workers,
        log_config=None,  # the application configures the logs
        log_level="warning",  # the address is printed already
        access_log=False,  # our own middleware writes it
        server_header=False,
        proxy_headers=False,  # there is no proxy, so a client could forge these headers
        timeout_graceful_shutdown=8,
    )


def parse_address(address: str) -> tuple[str, int]:
    match = ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise CommandError(f"{address!r} is not [HOST:]PORT, for example 8000 or 0.0.0.0:8000.")
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


def _refuse_busy(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # else the port stays busy for a minute after a server has ended
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = str(error.strerror).lower()
            hint = f"Choose another, for example `runserver {port + 1}`."
            raise CommandError(f"Port {port} of {host}: {reason}. {hint}") from None


def _set_environment(host: str, port: int) -> None:
    """Change settings for this process and those that it starts, where nobody has set them: links in mails lead here,
    and this host is served. Each process is a worker, too.
    """
    changed = {"public_url": origin(host, port), "allowed_hosts": ",".join(dict.fromkeys([*LOCAL_HOSTS, *hosts(host)]))}
    for name in changed.keys() - get_settings().model_fields_set:
        os.environ[name.upper()] = changed[name]
    os.environ["TASK_WORKER"] = "true"
    get_settings.cache_clear()


def hosts(host: str) -> list[str]:
    """Return the hosts that a browser may name to reach this address."""
    if host in EVERY_INTERFACE:
        return network_address()
    return [f"[{host}]" if ":" in host else host]


def network_address() -> list[str]:
    """Return this machine's address in its network, if it has one. This sends nothing: UDP has no connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody has this address
        except OSError:
            return []
        return [probe.getsockname()[0]]


async def _advise() -> None:
    async with open_database() as database:
        for problem in await run_checks(get_settings(), database, start=True):
            report(problem)


def addresses(application: FastAPI, host: str, port: int) -> list[str]:
    """Return the addresses of the pages that are served, or the root if there are none."""
    first = origin(host, port)
    served = {route.path for route in iter_route_contexts(application.routes)}
    return [first + page for page in PAGES if page in served] or [first]


def origin(host: str, port: int) -> str:
    name = "localhost" if host in EVERY_INTERFACE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@cli.command(rich_help_panel="Server")
def routes() -> None:
    """List every route: its methods, its path, who may call it, and the function that answers."""
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
    """Return who passes the dependencies: each may say it in its attribute `admits`.

    If one dependency uses another, only the outer one counts: it is the stricter one.
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
