"""An SMTP server on a free port of the loopback interface, in its own thread, for one test."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import CertificateBuilder, DNSName, IPAddress, Name, SubjectAlternativeName, random_serial_number

DROP = "drop"
"""A reply that is none: the connection ends."""


@dataclass(frozen=True)
class Received:
    message: EmailMessage
    sender: str
    recipients: list[str]
    client: str  # the name that the client gave itself
    login: LoginPassword | None
    used_starttls: bool
    is_international: bool  # SMTPUTF8


class SMTPServer(Controller):
    """Takes all mails. `replies` may have other answers to commands (MAIL, RCPT, DATA)."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: SSLContext | None = None,
        starttls: SSLContext | None = None,
        login: tuple[str, str] | None = None,
        replies: Mapping[str, str] | None = None,
        smtputf8: bool = True,
        seconds: float = 0,
    ) -> None:
        """`login` is the required user and password. `seconds` is the time to wait after a mail's text."""
        super().__init__(
            self,
            hostname=host,
            port=0,
            ssl_context=tls,
            server_hostname="localhost",
            ready_timeout=60,  # the default, 5 s, is short for a busy machine
            tls_context=starttls,
            auth_require_tls=starttls is not None,
            authenticator=self._authenticate,
            auth_exclude_mechanism=() if login else ("LOGIN", "PLAIN"),
            enable_SMTPUTF8=smtputf8,
        )
        self._scheme = "smtps" if tls else "smtp"
        self._login = login
        self._replies = replies or {}
        self._seconds = seconds
        self._at_once = 0
        self.most_at_once = 0
        self.received: list[Received] = []

    def __enter__(self) -> "SMTPServer":
        self.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def url(self, credentials: str = "") -> str:
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self._scheme}://{credentials}{'@' if credentials else ''}{host}:{self.port}"

    def _trigger_server(self) -> None:
        """The system has chosen the port."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no types here

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        is_right = (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=is_right, handled=False, auth_data=data)

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from, envelope.mail_options = address, options
        return self._reply("MAIL", server)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._reply("RCPT", server)

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self._seconds)
        self._at_once -= 1
        reply = self._reply("DATA", server)
        if reply.startswith("250"):
            self.received.append(_received(session, envelope))
        return reply

    def _reply(self, command: str, server: SMTP) -> str:
        reply = self._replies.get(command, "250 OK")
        if reply == DROP and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return reply


def _received(session: Session, envelope: Envelope) -> Received:
    assert isinstance(envelope.content, bytes)
    return Received(
        message=message_from_bytes(envelope.content, policy=default),
        sender=str(envelope.mail_from),
        recipients=[str(address) for address in envelope.rcpt_tos],
        client=str(session.host_name),
        login=session.auth_data,
        used_starttls=session.ssl is not None,
        is_international=envelope.smtp_utf8,
    )


def make_certificate(folder: Path) -> Path:
    """Write a key and a self-signed certificate, valid for one day on this machine. Return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    names = [DNSName("localhost"), IPAddress(ip_address("127.0.0.1")), IPAddress(ip_address("::1"))]
    certificate = (
        CertificateBuilder(subject_name=Name([]), issuer_name=Name([]))
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(SubjectAlternativeName(names), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(secret + certificate.public_bytes(encoding))
    return file


def server_context(certificate: Path) -> SSLContext:
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
