"""The back end that sends mails to a server by SMTP."""

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
    SMTPTimeoutError,
)

from app.core.mail.errors import MailDelayed, MailError, MailRefused
from app.core.settings import is_loopback

TIMEOUT = 30.0  # s to wait for each answer
MAX_CONNECTIONS = 5  # per process: servers refuse clients that open many


class SMTPMailer:
    """Opens a connection for each mail, at most MAX_CONNECTIONS at once. The server could close a kept one any time."""

    def __init__(self, url: SplitResult, domain: str) -> None:
        needs_tls = bool(url.username) and not is_loopback(url.hostname or "")
        self._connect = partial(
            SMTP,
            hostname=url.hostname,
            port=url.port,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=url.scheme == "smtps",
            start_tls=True if needs_tls and url.scheme == "smtp" else None,  # None: if the server offers it
            tls_context=create_default_context(),
            # The library's default is the machine's name from the DNS. In a container, servers refuse that name.
            local_hostname=domain,
            timeout=TIMEOUT,
        )
        self._scheme = url.scheme
        self._turns = Semaphore(MAX_CONNECTIONS)

    async def send(self, message: EmailMessage) -> None:
        try:
            async with self._turns, self._connect() as connection:
                await _hand_over(message, connection)
        except (SMTPException, OSError) as error:
            raise _failure(error, self._scheme) from None


async def _hand_over(message: EmailMessage, connection: SMTP) -> None:
    content = message.as_bytes()
    await connection.sendmail(
        message["From"].addresses[0].addr_spec,
        message["To"].addresses[0].addr_spec,
        content,
        mail_options=() if content.isascii() else ("SMTPUTF8",),
    )


def _failure(error: SMTPException | OSError, scheme: str) -> MailError:
    """A fault of the mail is permanent. A fault of the server or the settings is not."""
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPNotSupported):
        return MailRefused("the server accepts only ASCII addresses (it lacks SMTPUTF8, RFC 6531)")
    if isinstance(error, SMTPRecipientRefused | SMTPDataError) and error.code >= 500:
        return MailRefused(_reason(error))
    return MailDelayed(f"{_reason(error)}{_hint(error, scheme)}")


def _hint(error: Exception, scheme: str) -> str:
    """A server that waits for TLS says nothing, and one that does not expect it says something that is not TLS."""
    if scheme == "smtp" and isinstance(error, SMTPTimeoutError):
        return ". If this port has TLS from the first byte, write smtps:// in EMAIL_URL"
    if scheme == "smtps" and "WRONG_VERSION_NUMBER" in str(error):
        return ". This port has no TLS from the first byte: write smtp:// in EMAIL_URL"
    return ""


def _reason(error: Exception) -> str:
    """Leave out the server's words if it has seen a secret: a spam filter may quote a link from the text."""
    match error:
        case SMTPAuthenticationError():
            return f"the server does not accept user and password ({error.code})"
        case SMTPDataError():
            return f"the server does not accept the text ({error.code})"
        case SMTPResponseException():
            return _escaped(f"the server answers {error.code} {error.message}")
    return _escaped(str(error))


def _escaped(reply: str) -> str:
    """Make any reply of a server harmless for logs and terminals."""
    return " ".join(reply.split()).encode("unicode_escape").decode()
