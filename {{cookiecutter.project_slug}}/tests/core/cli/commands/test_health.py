import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.core.settings import parse_database_url
from app.settings import Settings
from tests.commands import call


async def test_a_database_that_answers_is_ready(settings: Settings) -> None:
    assert (await call("health")).out == "Ready.\n"


async def test_a_database_that_is_away_is_a_line_and_a_status(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = settings.model_copy(update={"database_url": parse_database_url("sqlite:////nowhere/db.sqlite3")})
    monkeypatch.setattr("app.core.cli.commands.health.get_settings", lambda: away)

    outcome = await call("health")

    assert outcome.status == 1
    assert outcome.err.startswith("Not ready: unable to open database file")


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Yield the address of a server that gives every request this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/prefix/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/prefix/"


async def test_a_server_is_asked_by_its_address(settings: Settings) -> None:
    with answering(200) as url:
        assert (await call("health", url)).out == "Ready.\n"
    with answering(503) as url:
        assert (await call("health", url)).err == "Not ready: the server answers 503."
    outcome = await call("health", url)
    assert (outcome.status, "refused" in outcome.err) == (1, True)


@pytest.mark.parametrize("url", ["8000", "https://a", "http://", "localhost:8000"])
async def test_what_is_no_address_is_refused(settings: Settings, url: str) -> None:
    assert (await call("health", url)).err == f"{url!r} is not an address such as http://127.0.0.1:8000."
