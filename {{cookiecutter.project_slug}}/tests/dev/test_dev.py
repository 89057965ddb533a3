"""The pages for developers."""

import re
from email.message import EmailMessage
from html import unescape

import pytest
from fastapi import APIRouter
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.db import Database, Db
from app.core.mail import MailDelayed
from app.core.web import public
from app.dev import requests
from app.dev.checks import nothing_is_recorded
from app.dev.mails import KeepingMailer, KeptMail
from app.settings import Settings
from tests.checks import found
from tests.conftest import Client, ClientWith, Serve

NEW = {"username": "grace", "email": "grace@example.com", "password": "correct horse battery"}


@pytest.fixture
async def local(client_with: ClientWith) -> Client:
    return await client_with(environment="local")


async def shown(client: Client, path: str) -> str:
    """Return the page of the last request with this path."""
    pages = re.findall(rf'href="([^"]*dev/requests/\d+)">[A-Z]+ {re.escape(path)}<', (await client.get("/dev")).text)
    return unescape((await client.get(f"/dev/{pages[0].rpartition('dev/')[2]}")).raise_for_status().text)


@pytest.mark.parametrize("environment", ["test", "production"])
async def test_elsewhere_nothing_of_it_exists(client_with: ClientWith, environment: str) -> None:
    client = await client_with(environment=environment)

    for path in ("/dev", "/dev/mails/1", "/dev/requests/1", "/dev/dev.css"):
        assert (await client.get(path)).status_code == 404
    assert not hasattr(client.app.state, "recorder")
    assert not isinstance(client.app.state.mailer, KeepingMailer)


async def test_it_begins_empty_and_says_what_to_do(local: Client) -> None:
    page = (await local.get("/dev")).raise_for_status().text

    assert "No mails yet." in page
    assert "No requests yet." in page
    assert "Other processes" in page
    assert (await local.get("/dev/dev.css")).headers["Content-Type"].startswith("text/css")
    for path in ("/dev/mails/1", "/dev/requests/1"):
        assert (await local.get(path)).status_code == 404
    assert (await local.get("/")).json()["links"]["dev"] == "dev"


async def test_a_mail_is_shown_with_its_links(local: Client) -> None:
    assert (await local.post("/users", json=NEW)).status_code == 201
    await local.app.state.tasks.drain()

    listed = unescape((await local.get("/dev")).text)
    page = unescape((await local.get("/dev/mails/1")).raise_for_status().text)
    html = (await local.get("/dev/mails/1/html")).raise_for_status()

    (link,) = set(re.findall(r'href="(http://127.0.0.1:8000/account/verify-email[^"]+)"', listed))
    assert f'href="{link}"' in page
    assert f'href="{link}"' in unescape(html.text)
    (policy,) = html.headers.get_list("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups " in policy
    assert "'unsafe-hashes' 'sha256-" in policy
    assert "unsafe-inline" not in policy
    assert "script-src" not in policy
    assert "script-src 'self'" in (await local.get("/dev")).headers["Content-Security-Policy"]


async def test_a_mail_that_was_not_sent_says_why() -> None:
    class Broken:
        async def send(self, message: EmailMessage) -> None:
            raise MailDelayed("the server is away")

    mailer, message = KeepingMailer(Broken()), EmailMessage()
    message.set_content("Hello")
    with pytest.raises(MailDelayed):
        await mailer.send(message)

    (kept,) = mailer.kept
    assert (kept.failure, kept.text, kept.html, kept.links) == ("the server is away", "Hello\n", "", [])


def test_only_the_styles_of_a_mail_are_allowed_and_only_web_links_are_links() -> None:
    message = EmailMessage()
    message.set_content("See https://example.com/a")
    html = '<style>p {color: red}</style><p style="top: 0">x<a href="javascript:alert(1)">y</a><a href="https://b.example">z</a>'
    message.add_alternative(html, subtype="html")
    kept = KeptMail(1, message, "")

    assert kept.links == ["https://example.com/a", "https://b.example"]
    assert kept.policy.count("sha256-") == 2


async def test_a_request_is_shown_with_its_queries_and_without_their_values(local: Client) -> None:
    await local.post("/users", json=NEW)
    answer = await local.post("/token", data={"username": NEW["username"], "password": NEW["password"]})
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    await local.get("/users/me?token=tr0ub4dor", headers=bearer)
    await local.get("/users/00000000-0000-0000-0000-000000000000", headers=bearer)

    page = await shown(local, "/users/me")
    assert ("GET /users/me" in page, "1 query" in page, "FROM accounts_user" in page) == (True, True, True)
    pages = [(await local.get("/dev")).text, page, await shown(local, "/token"), await shown(local, "/users")]
    for secret in ("tr0ub4dor", NEW["email"], NEW["password"]):
        assert not [each for each in pages[1:] if secret in each], secret
    assert "tr0ub4dor" not in pages[0]
    assert "/users/{user_id}" in unescape(pages[0])


async def test_what_has_no_route_or_is_mounted_is_named_by_its_path(local: Client) -> None:
    await local.get("/nothing/here?token=tr0ub4dor")
    await local.get("/static/pages.css")
    page = (await local.get("/dev")).text

    assert "GET /nothing/here<" in page
    assert "pages.css<" not in page


async def test_many_queries_of_one_statement_are_marked(
    client_with: ClientWith, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()

    @router.get("/loops")
    @public
    async def loop(db: Db, times: int) -> None:
        for number in range(times):
            await db.execute(text("SELECT :number"), {"number": number})

    @router.get("/fails")
    @public
    async def fail(db: Db) -> None:
        with pytest.raises(DBAPIError):
            await db.execute(text("SELECT nothing"))

    serve(router)
    client = await client_with(environment="local")

    await client.get("/loops?times=2")
    assert "N+1" not in (await client.get("/dev")).text
    await client.get("/loops?times=3")
    assert "N+1" in (await client.get("/dev")).text
    assert "3 times" in await shown(client, "/loops")
    await client.get("/fails")
    assert "failed" in await shown(client, "/fails")
    monkeypatch.setattr("app.dev.queries.MAX_QUERIES", 2)
    await client.get("/loops?times=5")
    page = await shown(client, "/loops")
    assert ("5 queries" in page, "Only the first 2 are kept." in page) == (True, True)


async def test_only_the_last_requests_are_kept(client_with: ClientWith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 2)
    client = await client_with(environment="local")

    for _ in range(3):
        await client.get("/health/live")

    assert (await client.get("/dev")).text.count("GET /health/live") == 2
    assert (await client.get("/dev/requests/1")).status_code == 404


@pytest.mark.parametrize(
    ("address", "host", "headers", "code"),
    [
        ("127.0.0.1", "localhost", {}, 200),
        ("::1", "[::1]", {}, 200),
        ("192.0.2.7", "localhost", {}, 403),
        ("127.0.0.1", "dev.example.com", {}, 403),
        ("127.0.0.1", "localhost", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", "localhost", {"X-Forwarded-Proto": "https"}, 403),
        ("127.0.0.1", "localhost", {"X-Real-IP": "192.0.2.7"}, 403),
        ("127.0.0.1", "localhost", {"Via": "1.1 proxy"}, 403),
        ("127.0.0.1", "localhost", {"Origin": "https://app.example.com"}, 403),
    ],
)
async def test_only_browsers_on_this_machine_see_it(
    client_with: ClientWith, address: str, host: str, headers: dict[str, str], code: int
) -> None:
    app = (await client_with(environment="local", allowed_hosts=("*",))).app
    transport = ASGITransport(app, client=(address, 1))
    async with AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        assert (await client.get("/dev", headers=headers)).status_code == code


async def test_the_check_before_a_deployment_names_it(settings: Settings, database: Database) -> None:
    assert await found(nothing_is_recorded, settings, database, environment="local") == ["dev.W001"]
    assert await found(nothing_is_recorded, settings, database, environment="production") == []
