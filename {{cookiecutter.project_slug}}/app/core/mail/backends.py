"""The back ends for EMAIL_URL."""

import sys
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from secrets import token_hex
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from anyio import to_thread

from app.core.mail.errors import MailDelayed
from app.core.settings import create_private
from app.settings import Settings


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Send a mail to its one recipient. Raises MailDelayed or MailRefused."""


def make_mailer(settings: Settings) -> Mailer:
    """Make the back end that EMAIL_URL names. It connects only when it sends a mail."""
    url = urlsplit(settings.email_url.get_secret_value())
    match url.scheme:
        case "console":
            return ConsoleMailer()
        case "memory":
            return MemoryMailer()
        case "file":
            return FileMailer(Path(url2pathname(url.path)))
    from app.core.mail.smtp import SMTPMailer  # takes long to load, and few need it

    return SMTPMailer(url, settings.email_from.domain)


class ConsoleMailer:
    """Prints mails for developers: decoded, and on a console with any encoding."""

    async def send(self, message: EmailMessage) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        print(_readable(message).encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _readable(message: EmailMessage) -> str:
    lines = [f"{name}: {value}" for name, value in message.items()]
    for part in message.walk():
        if part.get_content_maintype() == "text":
            lines += ["", f"--- {part.get_content_type()}", "", part.get_content().rstrip()]
    return "\n".join([*lines, "-" * 72])


class MemoryMailer:
    """Keeps mails in a list, for tests."""

    def __init__(self) -> None:
        self.outbox: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> None:
        self.outbox.append(message)


class FileMailer:
    """Writes each mail to its own file. Mail programs can open it, and only the owner can read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        try:
            await to_thread.run_sync(self._write, message.as_string())
        except OSError as error:
            raise MailDelayed(f"Cannot write to {self._folder}: {error.strerror or error}") from None

    def _write(self, text: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private(self._folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{token_hex(4)}.eml", text)
