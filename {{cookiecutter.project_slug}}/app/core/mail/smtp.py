"""The back end that hands mails to a server, by SMTP."""

from asyncio import Semaphore
from email.message import EmailMessage
from functools import partial
from ssl import create_default_context
from urllib.parse import SplitResult, unquote

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from app.core.mail.errors import MailDelayed, MailError, MailRefused
from app.core.settings import is_loopback

TIMEOUT = 30.0  # s that a server has for each answer
MAX_CONNECTIONS = 5  # of one process: servers refuse who opens more than a few


class SMTPMailer:
    """Opens a connection for each mail, MAX_CONNECTIONS at once: a kept one may be closed by the server at any time."""

    def __init__(self, url: SplitResult, domain: str) -> None:
        needs_tls = bool(url.username) and not is_loopback(url.hostname or "")
        self._connect = partial(
            SMTP,
            hostname=url.hostname,
            port=url.port,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=url.scheme == "smtps",
            start_tls=True if needs_tls and url.scheme == "smtp" else None,  # None: where the server offers it
            tls_context=create_default_context(),
            # What the library would say of itself is the machine's name, for which it asks the DNS, and in a container
            # that is one which servers refuse.
            local_hostname=domain,
            timeout=TIMEOUT,
        )
        self._turns = Semaphore(MAX_CONNECTIONS)

    async def send(self, message: EmailMessage) -> None:
        try:
            async with self._turns, self._connect() as connection:
                await _hand_over(message, connection)
        except (SMTPException, OSError) as error:
            raise _failure(error) from None


async def _hand_over(message: EmailMessage, connection: SMTP) -> None:
    content = message.as_bytes()
    await connection.sendmail(
        message["From"].addresses[0].addr_spec,
        message["To"].addresses[0].addr_spec,
        content,
        mail_options=() if content.isascii() else ("SMTPUTF8",),
    )


def _failure(error: SMTPException | OSError) -> MailError:
    """Sort out what is wrong with the mail, which is for ever, from what is wrong with the server or the settings."""
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPNotSupported):
        return MailRefused("the server cannot take addresses that are not ASCII (RFC 6531)")
    if isinstance(error, SMTPRecipientRefused | SMTPDataError) and error.code >= 500:
        return MailRefused(_reason(error))
    return MailDelayed(_reason(error))


def _reason(error: Exception) -> str:
    """Leave out what the server says where it has seen a secret: a filter for spam may quote a link of the text."""
    match error:
        case SMTPAuthenticationError():
            return f"the server does not accept user and password ({error.code})"
        case SMTPDataError():
            return f"the server does not accept the text ({error.code})"
        case SMTPResponseException():
            return _escaped(f"the server answers {error.code} {error.message}")
    return _escaped(str(error))


def _escaped(reply: str) -> str:
    """Whatever bytes a server sends, they end in logs and on terminals."""
    return " ".join(reply.split()).encode("unicode_escape").decode()
