"""The mails that this process has sent, or has tried to."""

import re
from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from hashlib import sha256
from html.parser import HTMLParser
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from app.core.db import utcnow
from app.core.mail import Mailer, MailError

MAX_MAILS = 50
LINK = re.compile(r"https?://[^\s<>\"]+")
HTML_PATH = re.compile("/dev/mails/[0-9]+/html")


class _Parts(HTMLParser):
    """Collects what a policy must allow, and where the links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.styles: dict[str, None] = {}
        self.links: dict[str, None] = {}
        self._tag = ""
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag, named = tag, dict(attrs)
        if style := named.get("style"):
            self.styles[style] = None
        if tag == "a" and LINK.fullmatch(link := named.get("href") or ""):
            self.links[link] = None

    @override
    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    @override
    def handle_data(self, data: str) -> None:
        if self._tag == "style":
            self.styles[data] = None


@dataclass(frozen=True)
class KeptMail:
    number: int
    message: EmailMessage
    failure: str
    """Why it was not sent, or an empty text."""
    at: datetime = field(default_factory=utcnow)

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def links(self) -> list[str]:
        return [*dict.fromkeys([*LINK.findall(self.text), *_Parts(self.html).links])]

    @property
    def policy(self) -> str:
        """For a page of the HTML: no script, no file, and only the styles that it has (CSP Level 3, 8.3)."""
        styles = " ".join(["'unsafe-hashes'", *map(_hash, _Parts(self.html).styles)])
        closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-popups"
        return f"default-src 'none'; img-src data:; style-src {styles}; {closed} allow-popups-to-escape-sandbox"

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


def _hash(style: str) -> str:
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


class KeepingMailer:
    """Sends with another mailer, and keeps the last mails in memory."""

    def __init__(self, mailer: Mailer) -> None:
        self.mailer = mailer
        self.kept: deque[KeptMail] = deque(maxlen=MAX_MAILS)
        self._numbers = count(1)

    async def send(self, message: EmailMessage) -> None:
        try:
            await self.mailer.send(message)
        except MailError as error:
            self._keep(message, str(error))
            raise
        self._keep(message)

    def _keep(self, message: EmailMessage, failure: str = "") -> None:
        self.kept.append(KeptMail(next(self._numbers), message, failure))


class OwnPolicy:
    """The HTML of a mail has a security policy of its own, in place of that of all pages, which forbids its styles."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        await self.app(scope, receive, _with_first_policy(send) if HTML_PATH.fullmatch(path) else send)


def _with_first_policy(send: Send) -> Send:
    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            policies = [each for each in message["headers"] if each[0] == b"content-security-policy"]
            message["headers"] = [each for each in message["headers"] if each not in policies[1:]]
        await send(message)

    return send_changed
