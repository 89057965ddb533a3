import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, User
from app.core.audit import AuditEntry
from app.core.db import Db
from app.core.logging import JSONFormatter, TextFormatter
from tests import websockets
from tests.conftest import Client, ClientWith, Login, Serve

HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


FORM = "application/x-www-form-urlencoded"


async def chunks() -> AsyncIterator[bytes]:
    """A body without a declared length."""
    for _ in range(17):
        yield b"x" * 2**16


def assert_secured(answer: Response) -> None:
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "options"),
    [
        ("GET", "/nowhere", 404, {}),
        ("DELETE", "/token", 405, {}),
        ("GET", "/users/me", 401, {}),
        ("POST", "/token", 413, {"content": b"x" * (2**20 + 1)}),
        ("POST", "/token", 413, {"content": chunks(), "headers": {"Content-Type": FORM}}),
        ("GET", "/users/me", 413, {"content": b"x" * (2**20 + 1)}),
        ("GET", "/users/me", 400, {"headers": {"Host": "evil.example"}}),
    ],
)
async def test_every_error_is_json_and_carries_the_security_headers(
    client: AsyncClient, method: str, path: str, status: int, options: dict[str, object]
) -> None:
    answer = await client.request(method, path, **options)  # type: ignore[arg-type]

    assert answer.status_code == status
    assert_secured(answer)


async def test_a_bug_is_500_without_a_reason_and_with_a_traceback_in_the_log(
    client_with: ClientWith, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = APIRouter()

    @faulty.get("/fault")
    async def fault() -> None:
        raise RuntimeError("the reason")

    serve(faulty)
    client = await client_with()

    answer = await client.get("/fault")

    assert answer.status_code == 500
    assert_secured(answer)
    assert answer.json() == {"detail": "Internal server error"}
    assert "RuntimeError: the reason" in caplog.text


@pytest.mark.parametrize(("path", "size", "status"), [("/small", 11, 413), ("/small", 10, 200), ("/big", 2**21, 200)])
async def test_a_route_can_have_a_limit_of_its_own(
    client_with: ClientWith, serve: Serve, path: str, size: int, status: int
) -> None:
    router = APIRouter()

    @router.post("/small", max_body_size=10)
    @router.post("/big", max_body_size=2**21)
    async def take(request: Request) -> int:
        return len(await request.body())

    serve(router)
    client = await client_with()

    assert (await client.post(path, content=b"x" * size)).status_code == status


async def test_a_client_can_name_its_request(client: AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": "my-1"})

    assert answer.headers["X-Request-ID"] == "my-1"


@pytest.mark.parametrize("name", ["a b", "x" * 65, "é", "a\tb", ""])
async def test_a_name_that_could_spoil_a_log_is_replaced(client: AsyncClient, name: str) -> None:
    answer = await client.get("/health/live", headers={b"X-Request-ID": name.encode()})

    assert len(answer.headers["X-Request-ID"]) == 32


async def test_changes_over_a_websocket_have_a_place_and_an_id(
    client_with: ClientWith, serve: Serve, db: AsyncSession
) -> None:
    router = APIRouter()

    @router.websocket("/socket")
    async def add_group(websocket: WebSocket, session: Db) -> None:
        await websocket.accept()
        session.add(Group(name="editors", permissions=[]))
        await session.commit()

    serve(router)
    await websockets.call((await client_with()).app, "/socket", {"X-Request-ID": "my-1"})

    entry = await db.scalar(select(AuditEntry).where(AuditEntry.object_name == "editors"))
    assert entry is not None
    assert (entry.place, entry.request_id) == ("127.0.0.1", "my-1")


async def test_the_log_has_the_path_but_not_the_query(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.access")

    await client.get("/health/live?token=hush")

    (record,) = [record for record in caplog.records if record.name == "app.access"]
    assert re.fullmatch(r"INFO     GET /health/live 200 \d+\.\d ms", TextFormatter().format(record))
    line = json.loads(JSONFormatter().format(record))
    assert (line["client"], line["method"], line["route"]) == ("127.0.0.1", "GET", "/health/live")
    assert (line["status"], line["user"]) == (200, None)
    assert 0 < line["ms"] < 60_000
    assert "hush" not in str(line)


async def test_the_log_names_the_route_and_the_user(
    client: AsyncClient, user: User, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.access")
    token = await login(user)
    caplog.clear()

    for path in ("/users/me", f"/users/{user.id}"):
        await client.get(path, headers=token)

    lines = [json.loads(JSONFormatter().format(record)) for record in caplog.records if record.name == "app.access"]
    assert [line["route"] for line in lines] == ["/users/me", "/users/{user_id}"]
    assert {line["user"] for line in lines} == {str(user.id)}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]", "[::1]:8000"])
async def test_local_names_are_served(client: AsyncClient, host: str) -> None:
    assert (await client.get("/nowhere", headers={"Host": host})).status_code == 404


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "localhost:80@evil.example", "[::1", "::1"]
)
async def test_other_names_are_not(client: AsyncClient, host: str) -> None:
    assert (await client.get("/nowhere", headers={"Host": host})).status_code == 400


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("*.example.com", "api.example.com", 404),
        ("*.example.com", "example.com", 400),
        ("*.example.com", "notexample.com", 400),
        ("*example.com", "evilexample.com", 400),
        ("*", "anything", 404),
    ],
)
async def test_hosts_can_be_patterns(client_with: ClientWith, allowed: str, host: str, status: int) -> None:
    client = await client_with(allowed_hosts=(allowed,))

    assert (await client.get("/nowhere", headers={"Host": host})).status_code == status


@pytest.mark.parametrize("prefix", ["", "/prefix"])
async def test_probes_may_use_any_name(application: FastAPI, prefix: str) -> None:
    async with Client(application, root_path=prefix) as client:
        answer = await client.get(f"{prefix}/health/live", headers={"Host": "10.0.0.7"})
        other = await client.get(f"{prefix}/nowhere/health/live", headers={"Host": "10.0.0.7"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert other.status_code == 400


async def test_the_log_tells_which_host_was_refused_and_why(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get("/nowhere", headers={"Host": "192.168.1.5:8000"})

    assert "Refused a request for '192.168.1.5:8000': ALLOWED_HOSTS does not have it." in caplog.messages


async def test_the_log_tells_once_of_a_proxy_that_the_server_does_not_trust(
    application: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncClient(transport=ASGITransport(application, client=("10.0.0.5", 1))) as proxy:
        for _ in range(2):
            await proxy.get("http://localhost/health/live", headers={"X-Forwarded-For": "198.51.100.1"})
    await client.get("/health/live", headers={"X-Forwarded-For": "198.51.100.1, 127.0.0.1"})  # as behind a trusted one

    (warning,) = [message for message in caplog.messages if "X-Forwarded-For" in message]
    assert warning.startswith("10.0.0.5 sends X-Forwarded-For, but the server does not trust it.")
    assert "FORWARDED_ALLOW_IPS" in warning


async def test_a_path_cannot_forge_a_line_of_the_log(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.access")

    await client.get("/x%0AERROR    forged%1B[2J%C2%85%E2%80%A8")

    (record,) = [record for record in caplog.records if record.name == "app.access"]
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert r"GET /x\nERROR    forged\x1b[2J\x85\u2028 404" in line


async def test_only_production_insists_on_https(client: AsyncClient, client_with: ClientWith) -> None:
    production = await client_with(environment="production")

    assert "Strict-Transport-Security" not in (await client.get("/nowhere")).headers
    assert (await production.get("/nowhere")).headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_https_can_be_for_all_subdomains(client_with: ClientWith) -> None:
    client = await client_with(environment="production", hsts_include_subdomains=True)

    header = (await client.get("/nowhere")).headers["Strict-Transport-Security"]
    assert header == "max-age=31536000; includeSubDomains"


async def test_no_other_origin_is_let_in_by_default(client: AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"Origin": "https://app.example.com"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_named_origin_is_let_in(client_with: ClientWith) -> None:
    client = await client_with(cors_allow_origins=("https://app.example.com",))

    named = await client.get("/health/live", headers={"Origin": "https://app.example.com"})
    other = await client.get("/health/live", headers={"Origin": "https://evil.example"})

    assert named.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Origin" not in other.headers


async def answer_of_stopping_server(app: FastAPI, request: bytes) -> bytes:
    """Ask a real server, which stops meanwhile and waits for a second."""
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server, listening = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(request)
    async with asyncio.timeout(10):
        await asyncio.sleep(0.5)
        server.should_exit = True
        answer = await reader.read()
        await serving
    writer.close()
    return answer


@pytest.fixture
async def slow(client_with: ClientWith, serve: Serve) -> FastAPI:
    router = APIRouter()

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            await asyncio.sleep(60)

        return StreamingResponse(parts())

    @router.get("/leak")
    async def leak() -> None:
        other = asyncio.create_task(asyncio.sleep(60))
        other.cancel()
        await other

    serve(router)
    return (await client_with()).app


async def test_a_server_that_stops_answers_slow_clients_and_does_not_call_them_errors(
    slow: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    unfinished = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9"

    answer = await answer_of_stopping_server(slow, unfinished + b"\r\n\r\n{")

    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert {"retry-after: 5", "x-content-type-options: nosniff"} <= set(head.splitlines())
    assert json.loads(body) == {"detail": "The server is stopping. Try again later."}
    assert "The server stopped before it had finished POST /users." in caplog.messages
    assert [vars(record)["status"] for record in caplog.records if record.name == "app.access"] == [503]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_server_that_stops_breaks_off_an_answer_that_has_begun(
    slow: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await answer_of_stopping_server(slow, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"begun\r\n")  # without the last chunk, the client sees that something is missing
    assert "The server stopped before it had finished GET /stream." in caplog.messages
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_another_task_that_is_cancelled_is_a_bug(slow: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    answer = await answer_of_stopping_server(slow, b"GET /leak HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert error.exc_info
    assert not [message for message in caplog.messages if message.startswith("The server stopped")]
