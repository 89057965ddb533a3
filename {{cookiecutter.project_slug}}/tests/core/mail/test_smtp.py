import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from email.headerregistry import Address
from pathlib import Path
from ssl import SSLContext
from typing import Literal

import pytest
from aiosmtpd.controller import get_localhost
from pydantic import SecretStr

from app.core.mail import smtp
from app.core.mail.backends import make_mailer
from app.core.mail.errors import MailDelayed, MailRefused
from app.core.mail.messages import compose
from app.core.mail.smtp import MAX_CONNECTIONS
from app.settings import Settings
from tests.smtp_server import DROP, SMTPServer, make_certificate, server_context

USER, PASSWORD = "me@example.com", "p@ss:/?#% ☕"
CREDENTIALS = "me%40example.com:p%40ss%3A%2F%3F%23%25%20%E2%98%95"

Send = Callable[..., Awaitable[None]]


@pytest.fixture
def send(settings: Settings) -> Send:
    """Send a mail to `to` through the server at this address."""

    async def send(url: str, to: str = "bob@example.com") -> None:
        mailer = make_mailer(settings.model_copy(update={"email_url": SecretStr(url)}))
        await mailer.send(compose(settings, "core/mails/test", to))

    return send


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def untrusted(certificate: Path) -> SSLContext:
    return server_context(certificate)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return server_context(certificate)


@pytest.fixture
def abroad(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server seems to be on another machine."""
    monkeypatch.setattr(smtp, "is_loopback", lambda host: False)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"smtp://127.0.0.1:{server.getsockname()[1]}"


async def test_a_mail_arrives_as_it_was_written(settings: Settings) -> None:
    with SMTPServer() as server:
        changes = {"email_url": SecretStr(server.url()), "email_from": Address("Me", "noreply", "example.com")}
        changed = settings.model_copy(update=changes)
        message = compose(changed, "core/mails/test", "bob@example.com")
        await make_mailer(changed).send(message)

    (received,) = server.received
    assert received.message.as_string() == message.as_string()
    assert (received.sender, received.recipients) == ("noreply@example.com", ["bob@example.com"])
    assert received.client == "example.com"
    assert not received.used_starttls


@pytest.mark.skipif(get_localhost() != "::1", reason="this machine has no IPv6")
async def test_a_server_may_have_an_ipv6_address(send: Send) -> None:
    with SMTPServer(host="::1") as server:
        await send(server.url())

    assert len(server.received) == 1


async def test_tls_is_used_where_the_server_offers_it(send: Send, trusted: SSLContext) -> None:
    with SMTPServer(starttls=trusted) as server:
        await send(server.url())

    assert server.received[0].used_starttls


@pytest.mark.usefixtures("abroad")
async def test_credentials_travel_by_starttls(send: Send, trusted: SSLContext) -> None:
    with SMTPServer(starttls=trusted, login=(USER, PASSWORD)) as server:
        await send(server.url(CREDENTIALS))

    (received,) = server.received
    assert received.login is not None
    assert received.login.password.decode() == PASSWORD
    assert received.used_starttls


@pytest.mark.usefixtures("abroad")
async def test_credentials_never_travel_in_clear_text(send: Send) -> None:
    with SMTPServer(login=(USER, PASSWORD)) as server, pytest.raises(MailDelayed, match="STARTTLS"):
        await send(server.url(CREDENTIALS))

    assert server.received == []


async def test_on_this_machine_credentials_need_no_tls(send: Send) -> None:
    with SMTPServer(login=(USER, PASSWORD)) as server:
        await send(server.url(CREDENTIALS))

    assert server.received[0].login is not None


async def test_smtps_is_encrypted_from_the_first_byte(send: Send, trusted: SSLContext) -> None:
    with SMTPServer(tls=trusted, login=(USER, PASSWORD)) as server:
        await send(server.url(CREDENTIALS))

    assert server.received[0].login is not None


@pytest.mark.parametrize("kind", ["tls", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    send: Send, untrusted: SSLContext, kind: Literal["tls", "starttls"]
) -> None:
    with (
        SMTPServer(
            tls=untrusted if kind == "tls" else None, starttls=untrusted if kind == "starttls" else None
        ) as server,
        pytest.raises(MailDelayed, match="certificate verify failed"),
    ):
        await send(server.url())

    assert server.received == []


async def test_a_wrong_password_may_be_put_right_and_is_not_told(send: Send) -> None:
    with (
        SMTPServer(login=(USER, PASSWORD)) as server,
        pytest.raises(MailDelayed, match=r"does not accept user and password \(535\)$") as caught,
    ):
        await send(server.url("me:wrong-hush"))

    assert "hush" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL", "451 4.3.0 Later"),
        ("MAIL", "553 5.7.1 Not from this address"),
        ("RCPT", "450 4.2.0 Later"),
        ("DATA", "452 4.3.1 Later"),
        ("MAIL", "421 4.3.2 Closing"),
        ("RCPT", DROP),
        ("DATA", DROP),
    ],
)
async def test_what_may_pass_is_worth_another_try(send: Send, command: str, reply: str) -> None:
    with SMTPServer(replies={command: reply}) as server, pytest.raises(MailDelayed):
        await send(server.url())


async def test_a_server_that_is_away_is_worth_another_try(send: Send) -> None:
    with pytest.raises(MailDelayed, match=r"^Error connecting to 127\.0\.0\.1 on port 1"):
        await send("smtp://127.0.0.1:1")


async def test_a_server_that_says_nothing_is_worth_another_try(
    send: Send, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.1)

    with pytest.raises(MailDelayed, match="Timed out"):
        async with asyncio.timeout(20):
            await send(silent)


async def test_the_other_scheme_is_named_if_the_port_seems_to_need_it(
    send: Send, trusted: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.5)

    with SMTPServer(tls=trusted) as server, pytest.raises(MailDelayed, match="write smtps:// in EMAIL_URL"):
        await send(server.url().replace("smtps:", "smtp:"))
    with SMTPServer() as server, pytest.raises(MailDelayed, match="write smtp:// in EMAIL_URL"):
        await send(server.url().replace("smtp:", "smtps:"))


async def test_a_recipient_who_does_not_exist_is_refused_for_ever(send: Send) -> None:
    with (
        SMTPServer(replies={"RCPT": "550 5.1.1 No\x1b[2J such user"}) as server,
        pytest.raises(MailRefused, match=r"^the server answers 550 5\.1\.1 No\\x1b\[2J such user$"),
    ):
        await send(server.url())


async def test_a_server_that_quotes_a_refused_text_is_not_quoted(send: Send) -> None:
    with (
        SMTPServer(replies={"DATA": "554 5.7.1 Bad link: https://example.com/?token=hush"}) as server,
        pytest.raises(MailRefused, match=r"^the server does not accept the text \(554\)$"),
    ):
        await send(server.url())


async def test_an_international_address_needs_a_server_that_knows_them(send: Send) -> None:
    with SMTPServer() as server:
        await send(server.url(), "jürgen@bücher.example")
    with SMTPServer(smtputf8=False) as old, pytest.raises(MailRefused, match="RFC 6531"):
        await send(old.url(), "jürgen@bücher.example")

    (received,) = server.received
    assert received.is_international
    assert received.recipients == ["jürgen@xn--bcher-kva.example"]
    assert received.message["To"] == "jürgen@xn--bcher-kva.example"


async def test_an_international_domain_needs_none(send: Send) -> None:
    with SMTPServer(smtputf8=False) as server:
        await send(server.url(), "bob@bücher.example")

    assert server.received[0].recipients == ["bob@xn--bcher-kva.example"]


async def test_many_mails_at_once_take_turns(settings: Settings) -> None:
    with SMTPServer(seconds=0.02) as server:
        mailer = make_mailer(settings.model_copy(update={"email_url": SecretStr(server.url())}))
        mails = [compose(settings, "core/mails/test", f"user{number}@example.com") for number in range(20)]
        await asyncio.gather(*map(mailer.send, mails))

    assert len(server.received) == 20
    assert 1 < server.most_at_once <= MAX_CONNECTIONS
