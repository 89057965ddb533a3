from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app.core.settings import TITLE
from app.settings import Settings, get_settings
from tests.commands import Outcome, call
from tests.smtp_server import SMTPServer, make_certificate, server_context

Send = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Send]:
    """Run the command with this EMAIL_URL."""

    async def send(url: str, to: str = "ada@example.com") -> Outcome:
        monkeypatch.setenv("EMAIL_URL", url)
        get_settings.cache_clear()
        return await call("sendtestemail", to)

    yield send
    monkeypatch.undo()
    get_settings.cache_clear()


async def test_a_test_mail_arrives(send: Send) -> None:
    with SMTPServer(login=("me", "hush")) as server:
        outcome = await send(server.url("me:hush"))

    assert outcome == (0, f"{server.url('***')} took the mail to ada@example.com.\n", "")
    assert server.received[0].message["Subject"] == f"A test mail from {TITLE}"


async def test_each_back_end_is_named(send: Send, tmp_path: Path) -> None:
    assert (await send("console:")).out.endswith("console: took the mail to ada@example.com.\n")
    assert (await send("memory:")).out == "memory: took the mail to ada@example.com.\n"
    assert (await send(tmp_path.as_uri())).out == f"{tmp_path.as_uri()} took the mail to ada@example.com.\n"


async def test_what_the_server_does_not_take_is_one_line(send: Send) -> None:
    with SMTPServer(login=("me", "hush"), replies={"RCPT": "550 5.1.1 No such user"}) as server:
        refused = await send(server.url())
        unauthenticated = await send(server.url("me:wrong"))
    away = await send(server.url("me:hush"))

    assert (refused.status, refused.out) == (1, "")
    assert refused.err == f"{server.url()} did not take the mail: the server answers 550 5.1.1 No such user"
    assert unauthenticated.err.endswith(": the server does not accept user and password (535)")
    assert ": Error connecting to 127.0.0.1 on port " in away.err
    assert "hush" not in away.err
    assert all(len(outcome.err.splitlines()) == 1 for outcome in (refused, unauthenticated, away))


async def test_a_certificate_that_nobody_vouches_for_is_one_line(send: Send, tmp_path: Path) -> None:
    with SMTPServer(tls=server_context(make_certificate(tmp_path))) as server:
        outcome = await send(server.url())

    assert outcome.status == 1
    assert "certificate verify failed" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("to", ["ada", "ada@example.com\nBcc: b@example.com", "Ada <ada@example.com>"])
async def test_what_is_no_address_is_one_line(send: Send, to: str) -> None:
    outcome = await send("memory:", to)

    assert outcome.status == 1
    assert outcome.err.startswith(f"{to!r} is not an e-mail address: ")
    assert len(outcome.err.splitlines()) == 1
