"""Makes mails from templates of the apps, and sends them through the back end that EMAIL_URL names.

`app/accounts/templates/mails/welcome.txt` is the text of a mail. It begins with a line `Subject: …` and an empty line.
If there is also a `welcome.html`, most mail programs will show that. It should extend `core/mails/base.html`.

message = compose(settings, "accounts/mails/welcome", user.email, name=user.full_name)
await deliver(app, message.as_string())
"""

import logging
import unicodedata
from datetime import UTC, datetime
from email import message_from_string
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime, formataddr
from functools import cache
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from jinja2 import Environment, TemplateNotFound
from markupsafe import Markup

from app.core.mail.backends import Mailer
from app.core.mail.errors import MailRefused
from app.core.settings import parse_address
from app.core.web import jinja_environment
from app.settings import Settings

logger = logging.getLogger(__name__)

# Texts are base64 or quoted-printable, for servers without 8BITMIME. We fold headers ourselves: Python's email package
# would lose quotes and double spaces, and up to Python 3.12.4 it lets an encoded line end through (CVE-2024-6923).
POLICY = default.clone(cte_type="7bit", utf8=True, refold_source="none")

# Controls, surrogates, and format characters, which for example change the direction of the text after them.
UNSEEN = frozenset({"Cc", "Cf", "Cs"})
JOINERS = frozenset("\u200c\u200d")  # Persian words and many emoji need them


def compose(settings: Settings, template: str, to: str, /, **values: Any) -> EmailMessage:
    """Fill in a template such as `accounts/mails/welcome` for one recipient.

    The values may come from strangers. Each becomes one line without invisible characters, so none can begin a header
    or a paragraph. Templates also have `project`, `public_url` and, in HTML, `subject`.
    Raises ValueError if `to` is not an address.
    """
    context = {**values, "public_url": settings.public_url}
    subject, text = _split(template, _templates().get_template(f"{template}.txt").render(context))
    message = EmailMessage(POLICY)
    for name, value in _headers(settings.email_from, parse_address(to), subject).items():
        message.set_raw(name, value)
    message.set_content(text)
    if html := _html(template, {**context, "subject": subject}):
        message.add_alternative(html, subtype="html")
    return message


@cache
def _templates() -> Environment:
    return jinja_environment().overlay(finalize=_one_line)


def _one_line(value: object) -> object:
    """Leave markup as it is: templates have made it, for example the block of a parent."""
    if isinstance(value, Markup):
        return value
    return " ".join("".join(filter(_is_seen, str(value))).split())


def _is_seen(character: str) -> bool:
    return character.isspace() or character in JOINERS or unicodedata.category(character) not in UNSEEN


def _split(template: str, rendered: str) -> tuple[str, str]:
    head, _, text = rendered.partition("\n\n")
    name, _, subject = head.partition(":")
    if name != "Subject" or "\n" in subject:
        raise ValueError(f"{template}.txt must begin with a line `Subject: …` and an empty line")
    return subject.strip(), text


def _html(template: str, context: dict[str, Any]) -> str | None:
    try:
        page = _templates().get_template(f"{template}.html")
    except TemplateNotFound:
        return None
    return page.render(context)


def _headers(sender: Address, recipient: Address, subject: str) -> dict[str, str]:
    return {
        "From": _from(sender),
        "To": recipient.addr_spec,
        "Subject": _folded(subject, "Subject"),
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": f"<{uuid4()}@{sender.domain}>",
        "Auto-Submitted": "auto-generated",  # RFC 3834: automatic replies must not answer it
    }


def _from(sender: Address) -> str:
    name = sender.display_name
    if _must_be_encoded(name):
        return f"{_folded(name, 'From')} <{sender.addr_spec}>"
    return formataddr((name, sender.addr_spec))


def _folded(text: str, header: str) -> str:
    return Header(text, "utf-8" if _must_be_encoded(text) else None, header_name=header).encode()


def _must_be_encoded(text: str) -> bool:
    """True for text that is not ASCII, or that looks encoded (RFC 2047)."""
    return not text.isascii() or "=?" in text


def parse(text: str) -> EmailMessage:
    """Undo `as_string`. The result's `as_string` gives the same text again."""
    return message_from_string(text, policy=POLICY)


async def deliver(app: FastAPI, message: str) -> None:
    """Send a mail, given as text. Raises MailDelayed if a later try may succeed, else logs the refusal."""
    mailer: Mailer = app.state.mailer
    mail = parse(message)
    try:
        await mailer.send(mail)
    except MailRefused as refusal:
        logger.warning("A mail to %s was refused: %s", mail["To"], refusal)
