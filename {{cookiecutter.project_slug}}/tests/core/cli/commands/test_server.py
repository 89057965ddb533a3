import socket
from collections.abc import Callable
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette

from app.core.cli.commands.server import UNSAID, addresses, hosts, listed, network_address, parse_address
from app.core.cli.errors import CommandError
from app.core.db import Database
from app.core.web import public
from tests.commands import call
from tests.terminal import call_on_terminal, needs_terminal, without_control


class Guard:
    """Return a dependency that declares who passes it."""

    def __init__(self, admits: str) -> None:
        self.admits = admits

    async def __call__(self) -> None: ...


async def silent() -> None: ...


async def silent_too() -> None: ...


token, changer = Guard("a valid token"), Guard("notes.change_note")


async def user(token: Annotated[None, Depends(token)], silent: Annotated[None, Depends(silent)]) -> None: ...


async def viewer(user: Annotated[None, Depends(user)]) -> None: ...


vars(user)["admits"], vars(viewer)["admits"] = "an enabled user", "notes.view_note"


@pytest.mark.parametrize(
    ("guards", "who"),
    [
        ([], UNSAID),
        ([silent], UNSAID),
        ([token], "a valid token"),
        ([user], "an enabled user"),
        ([token, user], "an enabled user"),
        ([viewer, token], "notes.view_note"),
        ([user, silent, viewer, changer], "notes.view_note, notes.change_note"),
    ],
)
def test_routes_say_who_may_call(guards: list[Callable[..., object]], who: str) -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/notes", silent, dependencies=[Depends(guard) for guard in guards])

    assert listed(app) == [("GET", "/notes", who, "tests.core.cli.commands.test_server.silent")]


def test_a_public_route_says_so() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/notes", public(silent_too))

    assert listed(app)[0][2] == "everybody"


def test_routes_of_every_kind_are_listed_by_their_paths() -> None:
    app, inner, router, site = FastAPI(openapi_url=None), APIRouter(), APIRouter(), Starlette()
    vars(site)["admits"] = "a member of staff"

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None: ...

    inner.add_api_route("/{name}", silent, methods=["PUT", "DELETE"], dependencies=[Depends(user)])
    router.include_router(inner, prefix="/inner")
    app.include_router(router, prefix="/outer", dependencies=[Depends(token)])
    app.mount("/admin", site)
    app.mount("/files", public(Starlette()))
    app.mount("/others", Starlette())

    assert [row[:3] for row in listed(app)] == [
        ("*", "/admin", "a member of staff"),
        ("*", "/files", "everybody"),
        ("*", "/others", UNSAID),
        ("DELETE,PUT", "/outer/inner/{name}", "an enabled user"),
        ("WS", "/outer/live", "a valid token"),
    ]


async def test_all_routes_are_listed(database: Database) -> None:
    lines = (await call("routes")).out.splitlines()

    assert ["GET", "/users/me"] in [line.split()[:2] for line in lines]
    assert "\t" not in "".join(lines)


@needs_terminal
async def test_routes_are_a_table_on_a_terminal(database: Database) -> None:
    lines = without_control((await call_on_terminal("routes")).out).splitlines()

    assert next(line for line in lines if line.strip()).split() == ["Methods", "Path", "Who", "may", "call", "Answers"]
    assert ["DELETE", "/users/me/sessions/{session_id}"] in [line.split()[:2] for line in lines]
    assert "…" not in "".join(lines)


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("8000", ("127.0.0.1", 8000)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 (parsed, not bound)
        ("[::1]:8000", ("::1", 8000)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses_of_runserver(address: str, parsed: tuple[str, int]) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize(("host", "named"), [("192.168.1.5", "192.168.1.5"), ("my-pc", "my-pc"), ("::1", "[::1]")])
def test_the_address_that_is_served_may_be_named(host: str, named: str) -> None:
    assert hosts(host) == [named]


def test_who_serves_every_interface_is_reached_at_the_address_in_the_network() -> None:
    assert hosts("0.0.0.0") == network_address()  # noqa: S104 (named, not bound)


@pytest.mark.parametrize("address", ["", "http", "host:", ":80", "1:2:3", "70000", "-1"])
def test_a_wrong_address_is_one_line(address: str) -> None:
    with pytest.raises(CommandError, match="HOST"):
        parse_address(address)


async def test_a_port_in_use_is_one_line_that_says_what_to_do(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        outcome = await call("runserver", str(port))

    assert outcome.status == 1
    assert outcome.err.endswith(f"address already in use. Choose another, for example `runserver {port + 1}`.")


@pytest.mark.parametrize(
    ("host", "first"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://localhost:80/"),  # noqa: S104 (named, not bound)
        ("::1", "http://[::1]:80/"),
        ("::", "http://localhost:80/"),
    ],
)
def test_where_to_begin_is_what_is_served(host: str, first: str) -> None:
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/", silent)
    app.include_router(router)
    app.mount("/admin", Starlette())
    origin = first.removesuffix("/")

    assert addresses(app, host, 80) == [first, f"{origin}/docs", f"{origin}/admin"]
    assert addresses(FastAPI(docs_url=None), host, 80) == [origin]
