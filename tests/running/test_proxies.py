"""The proxies that a project brings: a real nginx and a real Caddy, with the project's configuration."""

import http.client
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.kit.proxying import nginx_site, self_signed, trusting
from tests.kit.servers import LOOPBACK, Server, caddy, free_port, nginx_or_skip, server
from tests.kit.services import Service

CLIENT = "127.0.0.2"  # every address of 127.0.0.0/8 is this machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, 127.0.0.2 must be set up first")

ROUTES = """
from fastapi import APIRouter, Request, WebSocket

from app.core.web import public

router = APIRouter()


@router.get("/seen")
@public
async def seen(request: Request) -> list[str]:
    return [request.url.scheme, request.client.host if request.client else ""]


@router.websocket("/socket")
@public
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"{websocket.url.scheme} {websocket.client.host if websocket.client else ''}")
    await websocket.close()
"""


@pytest.fixture(scope="module")
def behind(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that the proxies are in front of. It tells what it knows about its clients."""
    folder = tmp_path_factory.mktemp("behind")
    ignored = shutil.ignore_patterns(".*_cache", "*.sqlite3*")
    project = Path(shutil.copytree(plain.project, folder / "project", ignore=ignored))
    (project / "app" / "seen").mkdir()
    (project / "app" / "seen" / "__init__.py").touch()
    (project / "app" / "seen" / "routes.py").write_text(ROUTES, encoding="utf-8")
    env = {"ENVIRONMENT": "production", "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"}
    with server(project, plain.python, env) as served:
        yield served


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, plain: Service, behind: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.URL]:
    """The address of a proxy, configured as in a project. Its fragment is the file with the certificate."""
    port = free_port()
    deploy, folder = plain.project / "deploy", tmp_path_factory.mktemp("proxy")
    with ExitStack() as stack:
        if request.param == "nginx":
            certificate = self_signed(folder)
            site = nginx_site(plain.project, [behind.port], port, certificate)
            stack.enter_context(nginx_or_skip(site, port))
        else:
            text = caddyfile((deploy / "Caddyfile").read_text(encoding="utf-8"), behind.port)
            certificate = stack.enter_context(caddy(text, port, {"PUBLIC_URL": f"https://localhost:{port}"}))
        yield httpx.URL(f"https://localhost:{port}", fragment=str(certificate))


def caddyfile(text: str, upstream: int) -> str:
    text = text.replace("admin off", f"admin off\n\thttp_port {free_port()}\n\tskip_install_trust")
    return text.replace("app:8000", f"{LOOPBACK}:{upstream}")


def test_the_proxy_tells_who_the_client_is_and_that_it_came_with_tls(proxy: httpx.URL) -> None:
    forged = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http", "Forwarded": "for=198.51.100.7"}
    transport = httpx.HTTPTransport(verify=trusting(proxy.fragment), local_address=CLIENT)
    with httpx.Client(base_url=proxy.copy_with(fragment=""), transport=transport) as client:
        assert client.get("/seen", headers=forged).json() == ["https", CLIENT]


def test_the_proxy_passes_on_websockets(proxy: httpx.URL) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    with (
        socket.create_connection((LOOPBACK, proxy.port or 0), timeout=30, source_address=(CLIENT, 0)) as inner,
        trusting(proxy.fragment).wrap_socket(inner, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"GET /socket HTTP/1.1\r\nHost: localhost\r\n{upgrade}{key}\r\n".encode())
        answer = connection.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 101")
        http.client.parse_headers(answer)
        _, length = answer.read(2)  # a short text of the server: two bytes, then the text (RFC 6455, 5.2)
        assert answer.read(length).decode() == f"wss {CLIENT}"


def test_a_body_that_is_too_long_is_refused_by_the_service_not_the_proxy(proxy: httpx.URL) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with httpx.Client(base_url=proxy.copy_with(fragment=""), verify=trusting(proxy.fragment)) as client:
        answer = client.post("/token", content=b"x" * (2**20 + 2**19), headers=form)
        assert answer.status_code == 413
        assert answer.json()["detail"]
