"""A project behind a real nginx, which has the lines of the project's documentation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from tests.servers import UVICORN, Server, free_port, nginx_or_skip, server
from tests.services import EMAIL, Service, bearer, create_superuser, log_in

UNTRUSTED = (*UVICORN, "--forwarded-allow-ips", "10.0.0.5")
OTHER_USER = "linus"


@contextmanager
def behind_nginx(service: Service, command: tuple[str, ...] = UVICORN) -> Iterator[tuple[Server, Server]]:
    """Yield the server, and the same one as it is reached through nginx."""
    text = (service.project / "docs" / "deployment.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    port = free_port()
    with server(service.project, service.python, service.env, command) as served:
        for documented, here in (
            ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
            ("http://127.0.0.1:8000", served.url),
        ):
            assert block.count(documented) == 1
            block = block.replace(documented, here)
        with nginx_or_skip(block, port) as url:
            yield served, replace(served, url=url)


def connect_from(address: str, served: Server) -> httpx.Client:
    return httpx.Client(base_url=served.url, transport=httpx.HTTPTransport(local_address=address), timeout=60)


def test_behind_the_documented_proxy_each_client_has_its_own_address(prepared: Service) -> None:
    create_superuser(prepared, OTHER_USER)
    with behind_nginx(prepared) as (direct, proxy), connect_from("127.0.0.2", proxy) as client:
        answers = []
        for number in range(6):
            client.headers["X-Forwarded-For"] = f"198.51.100.{number}"  # a client can send what it likes
            answers.append(log_in(client, OTHER_USER, "wrong").status_code)
        assert answers == [401] * 5 + [429]
        with connect_from("127.0.0.3", proxy) as other:
            headers = bearer(log_in(other, OTHER_USER).raise_for_status().json()["access_token"])
            (session,) = other.get("/users/me/sessions", headers=headers).json()
        assert session["ip_address"] == "127.0.0.3"
        assert "X-Forwarded-For" not in direct.log()


def test_a_websocket_passes_the_documented_proxy(prepared: Service) -> None:
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    with behind_nginx(prepared) as (direct, proxy), connect_from("127.0.0.2", proxy) as client:
        assert client.get("/live", headers=handshake | key).status_code == 403
        direct.log_until('127.0.0.2:0 - "WebSocket /live" 403')


def test_a_proxy_that_the_server_does_not_trust_is_noticed(prepared: Service, tmp_path: Path) -> None:
    alone = prepared.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3")
    alone.manage("migrate")
    create_superuser(alone)
    with behind_nginx(alone, UNTRUSTED) as (direct, proxy):
        for address in ("127.0.0.2", "127.0.0.3"):
            with connect_from(address, proxy) as client:
                log_in(client, EMAIL).raise_for_status()
        direct.log_until("127.0.0.1 sends X-Forwarded-For, but the server does not trust it.")
    problems = alone.problem("check", "--deploy")
    assert "accounts.W009: All who logged in came from 127.0.0.1." in problems
    assert "Set FORWARDED_ALLOW_IPS=127.0.0.1" in problems
