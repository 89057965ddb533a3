"""Mails: made from templates of the apps, and handed to the back end that EMAIL_URL names.

`app/accounts/templates/mails/welcome.txt` is the text of a mail. It begins with a line `Subject: …` and an empty one;
`welcome.html` beside it, where there is one, is what most programs will show, best on `core/mails/base.html`.

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

# Texts are base64 or quoted-printable, for servers without 8BITMIME. Headers stay as we write them: where the package
# folds them itself it loses quotes, doubles spaces, and up to Python 3.12.4 lets an encoded line end through
# (CVE-2024-6923).
POLICY = default.clone(cte_type="7bit", utf8=True, refold_source="none")

# Controls, surrogates, and what only changes how other characters look, such as the direction of all that follows.
UNSEEN = frozenset({"Cc", "Cf", "Cs"})
JOINERS = frozenset("\u200c\u200d")  # Persian words and many emoji need them


def compose(settings: Settings, template: str, to: str, /, **values: Any) -> EmailMessage:
    """Fill in a template such as `accounts/mails/welcome` for one recipient.

    The values may come from strangers. Each is put in as one line, without what cannot be seen: none can begin a header
    or a paragraph of its own. Besides them, templates know `project`, `public_url` and, in HTML, `subject`.
    Raises ValueError where `to` is no address.
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
    """Markup is what templates themselves have made, such as the block of a parent."""
    if isinstance(value, Markup):
        return value
    return " ".join("".join(filter(_is_seen, str(value))).split())


def _is_seen(character: str) -> bool:
    return character.isspace() or character in JOINERS or unicodedata.category(character) not in UNSEEN


def _split(template: str, rendered: str) -> tuple[str, str]:
    head, _, text = rendered.partition("\n\n")
    name, _, subject = head.partition(":")
    if name != "Subject" or "\n" in subject:
        raise ValueError(f"{template}.txt must begin with a line `Subject: …` and an empty one")
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
        "Auto-Submitted": "auto-generated",  # RFC 3834: no absence note shall answer it
    }


def _from(sender: Address) -> str:
    name = sender.display_name
    if _must_be_encoded(name):
        return f"{_folded(name, 'From')} <{sender.addr_spec}>"
    return formataddr((name, sender.addr_spec))


def _folded(text: str, header: str) -> str:
    return Header(text, "utf-8" if _must_be_encoded(text) else None, header_name=header).encode()


def _must_be_encoded(text: str) -> bool:
    """As RFC 2047 says: what is not ASCII, or would be taken for something encoded."""
    return not text.isascii() or "=?" in text


def parse(text: str) -> EmailMessage:
    """Undo `as_string`, so that it gives the same text again."""
    return message_from_string(text, policy=POLICY)


async def deliver(app: FastAPI, message: str) -> None:
    """Hand over a mail, given as text. Raises MailDelayed where a later try may succeed; where none can, logs that."""
    mailer: Mailer = app.state.mailer
    mail = parse(message)
    try:
        await mailer.send(mail)
    except MailRefused as refusal:
        logger.warning("A mail to %s was refused: %s", mail["To"], refusal)
