import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from html import unescape

import pytest
from fastapi import FastAPI
from jinja2 import DictLoader, PrefixLoader, UndefinedError
from pydantic import SecretStr

from app.core.mail.errors import MailDelayed
from app.core.mail.messages import compose, deliver, parse
from app.core.settings import TITLE
from app.core.web import jinja_environment
from app.settings import Settings
from tests.conftest import Outbox
from tests.smtp_server import SMTPServer

TEXT = "Subject: Hello {{ name }}\n\nDear {{ name }},\n\n{{ public_url }}/do?token={{ token }}\n"
HTML = '{% extends "core/mails/base.html" %}{% block content %}<p title="{{ name }}">{{ name }}</p>{% endblock %}'

HOSTILE = {
    "a header": "x\r\nBcc: victim@example.com",
    "a body": "x\n\nYour account is locked: https://evil.example",
    "other ends of lines": "x\x85Bcc: a@b\u2028Bcc: a@b\x0bBcc: a@b\rBcc: a@b",
    "an encoded header": "=?utf-8?q?x=0d=0aBcc:_victim=40example.com?=",
    "nearly an encoded word": "what=?utf-8?q? =?= =?x?q?y?=z",
    "markup": "<script>alert(1)</script> & \"quotes\" 'too'",
    "Jinja": "{{ 7 * 7 }}{% raw %}",
    "turned text": "gro.\u202eevil\u2066x",
    "NUL, escapes and halves of characters": "x\x00\x1b[2J\ud800\udfff",
    "150 letters": "x" * 150,
    "150 characters of 4 bytes": "🎉" * 150,
    "150 words": "ä, " * 150,
    "dots": ".\n.\nDATA",
}

Templates = dict[str, str]

OWN: Templates = {}


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> Templates:
    """The templates `tests/…` of these tests. It is always the same dictionary, so Jinja notices changes."""
    loader = jinja_environment().loader
    assert isinstance(loader, PrefixLoader)
    monkeypatch.setattr(loader, "mapping", {**loader.mapping, "tests": DictLoader(OWN)})
    OWN.update({"mail.txt": TEXT, "mail.html": HTML})
    return OWN


@pytest.fixture
def write(templates: Templates, settings: Settings) -> Callable[..., EmailMessage]:
    """Compose a mail, and parse it again, as after a queue."""

    def write(name: str = "Ada", to: str = "ada@example.com", **changes: object) -> EmailMessage:
        message = compose(settings.model_copy(update=changes), "tests/mail", to, name=name, token="T")
        return parse(json.loads(json.dumps(message.as_string())))

    return write


Write = Callable[..., EmailMessage]


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content


async def test_a_mail_has_what_a_mail_needs(write: Write) -> None:
    message = write(email_from=Address('Ada & Co., "London"', "noreply", "example.com"))

    assert message["From"].addresses == (Address('Ada & Co., "London"', "noreply", "example.com"),)
    assert message["To"].addresses == (Address("", "ada", "example.com"),)
    assert message["Subject"] == "Hello Ada"
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(message["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert message["MIME-Version"] == "1.0"


async def test_text_comes_before_html(write: Write) -> None:
    message = write()

    assert message.get_content_type() == "multipart/alternative"
    assert [piece.get_content_type() for piece in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "plain") == "Dear Ada,\n\nhttp://127.0.0.1:8000/do?token=T\n"
    assert '<p title="Ada">Ada</p>' in part(message, "html")


async def test_a_mail_may_have_no_html(write: Write, templates: Templates) -> None:
    del templates["mail.html"]

    assert write().get_content_type() == "text/plain"


async def test_html_loads_nothing_and_tells_what_it_is_about(write: Write) -> None:
    html = part(write(name="Ada & Charles"), "html")

    assert html.count("Hello Ada &amp; Charles") == 2
    assert TITLE in unescape(html)
    assert not re.search(r"<(img|link|script|style|iframe)|src=|url\(", html)


async def test_what_a_template_has_made_itself_stays_markup(write: Write, templates: Templates) -> None:
    templates["mail.html"] = "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}{{ bold(name) }}"

    assert part(write(name="<i>"), "html") == "<b>&lt;i&gt;</b>\n"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
async def test_no_value_breaks_out_of_its_place(write: Write, name: str) -> None:
    plain, message = write(), write(name=name)

    assert [*message.keys()] == [*plain.keys()]
    assert message["To"].addresses == plain["To"].addresses
    seen = message["Subject"].removeprefix("Hello").strip()
    assert seen.isprintable()
    text, html = part(message, "plain"), part(message, "html")
    assert text == f"Dear {seen},\n\nhttp://127.0.0.1:8000/do?token=T\n"
    assert "<script" not in html
    assert html.count("<p") == part(plain, "html").count("<p")


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
async def test_every_line_is_ascii_and_short_enough_for_any_server(write: Write, name: str) -> None:
    text = write(name=name, to="a" * 60 + "@" + ".".join(["d" * 60] * 3) + ".example").as_string()

    assert text.isascii()
    assert max(map(len, text.splitlines())) < 998  # RFC 5322, 2.1.1


@pytest.mark.usefixtures("templates")
async def test_a_mail_needs_no_server_that_takes_more_than_ascii(settings: Settings) -> None:
    message = compose(settings, "tests/mail", "ada@example.com", name="Zoë", token="T")

    assert message.as_bytes().isascii()


@pytest.mark.parametrize(
    "name", ["Zoë  Ångström", "مها\u200cپ", "👩\u200d🔬", "漢字 かな", "what=?utf-8?q?=41?=", 'a, b; "c" (d) \\']
)
async def test_what_people_are_called_arrives(write: Write, name: str) -> None:
    assert write(name=name)["Subject"] == f"Hello {' '.join(name.split())}"


@pytest.mark.parametrize("title", ["Zoë & Söhne, Ltd. <x>" * 5, "漢字" * 50, "=?utf-8?q?a?=", 'A "B" \\ C', ""])
async def test_the_sender_may_have_any_name(write: Write, title: str) -> None:
    message = write(email_from=Address(title, "noreply", "example.com"))

    (raw,) = [value for name, value in message.raw_items() if name == "From"]
    name, address = parseaddr(raw)
    assert str(make_header(decode_header(name))) == title
    assert address == "noreply@example.com"
    assert message["From"].addresses[0].addr_spec == "noreply@example.com"


async def test_the_domain_of_a_recipient_becomes_ascii(write: Write) -> None:
    assert write(to="ada@bücher.example")["To"] == "ada@xn--bcher-kva.example"


async def test_other_letters_before_the_at_sign_stay(write: Write) -> None:
    assert write(to="jürgen@example.com")["To"].addresses[0].addr_spec == "jürgen@example.com"


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "ada@",
        "ada@example.com\nBcc: victim@example.com",
        "ada@example.com, victim@example.com",
        "Ada <ada@example.com>",
        "=?utf-8?q?victim=40example.com=3e=00?=@example.org",
    ],
)
async def test_what_is_no_address_gets_no_mail(write: Write, to: str) -> None:
    with pytest.raises(ValueError, match=r"email address|@-sign"):
        write(to=to)


async def test_a_value_that_is_missing_is_an_error(settings: Settings, templates: Templates) -> None:
    with pytest.raises(UndefinedError):
        compose(settings, "tests/mail", "ada@example.com", name="Ada")


@pytest.mark.parametrize("text", ["", "Hello", "Subject: a\nb\n\ntext", "Dear all\n\ntext"])
async def test_a_template_without_a_subject_is_an_error(write: Write, templates: Templates, text: str) -> None:
    templates["mail.txt"] = text

    with pytest.raises(ValueError, match=r"tests/mail\.txt must begin"):
        write()


async def test_a_mail_is_delivered_to_the_application_s_back_end(
    application: FastAPI, outbox: Outbox, write: Write
) -> None:
    message = write(name="Zoë")

    await deliver(application, message.as_string())

    (found,) = await outbox()
    assert found.as_string() == message.as_string()


@pytest.fixture
def app_with(settings: Settings) -> Callable[[str], FastAPI]:
    from app.main import create_app

    return lambda url: create_app(settings.model_copy(update={"email_url": SecretStr(url)}))


async def test_a_refused_mail_is_logged_without_its_text_and_not_tried_again(
    app_with: Callable[[str], FastAPI], write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    replies = {"RCPT": "550 5.1.1 No such user"}
    with SMTPServer(login=("me", "hush"), replies=replies) as server, caplog.at_level(logging.DEBUG, "app"):
        await deliver(app_with(server.url("me:hush")), write().as_string())

    (record,) = [record for record in caplog.records if record.name.startswith("app.")]
    assert record.getMessage() == "A mail to ada@example.com was refused: the server answers 550 5.1.1 No such user"


async def test_a_delayed_mail_is_left_to_who_tries_again(app_with: Callable[[str], FastAPI], write: Write) -> None:
    with SMTPServer(replies={"RCPT": "450 4.2.0 Later"}) as server, pytest.raises(MailDelayed):
        await deliver(app_with(server.url()), write().as_string())
