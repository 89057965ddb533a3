"""Addresses as people write them: of the service, of a server for mail, and of those who write and get it."""

import re
from email.headerregistry import Address
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from pydantic import AnyHttpUrl, SecretStr, ValidationError

MAILBOX = re.compile(r'"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>]*)>')


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to this host surely stays on the machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_public_url(value: str) -> str:
    """Return what links begin with: no slash at the end, the host in ASCII."""
    try:
        url = AnyHttpUrl(value)
    except ValidationError:
        raise ValueError("is not an address such as https://example.com") from None
    if (url.username, url.password, url.query, url.fragment) != (None, None, None, None):
        raise ValueError("must have a host and perhaps a port and a path, as in https://example.com:8000/app, no more")
    return str(url).rstrip("/")


def check_email_url(secret: SecretStr) -> SecretStr:
    """Return it as it is. What the errors say holds nothing of it, since it may have a password."""
    try:
        url = urlsplit(secret.get_secret_value())
        _ = url.port
        (url.hostname or "").encode("idna")
    except ValueError:
        raise ValueError("is not an address such as smtp://user:password@host:587") from None
    if url.query or url.fragment:
        raise ValueError("must not have a ? or a #; in a password they are written %3F and %23")
    if fault := _fault(url):
        raise ValueError(fault)
    return secret


def _fault(url: SplitResult) -> str | None:
    match url.scheme:
        case "console" | "memory":
            return f"must end after {url.scheme}:" if url.netloc or url.path else None
        case "file":
            is_absolute = re.match("/+[^/]", url.path) and not url.netloc
            return None if is_absolute else "must name a folder by its whole path, as in file:///var/mail"
        case "smtp" | "smtps":
            return _server_fault(url)
    return "must begin with console:, memory:, file:///, smtp:// or smtps://"


def _server_fault(url: SplitResult) -> str | None:
    if not url.hostname or url.path.strip("/"):
        return f"must name a host and no path, as in {url.scheme}://host"
    if bool(url.username) != bool(url.password):
        return f"must have both user and password, or neither, as in {url.scheme}://user:password@host"
    return None


def parse_mailbox(value: str | Address) -> Address:
    """Parse `noreply@example.com`, or `My Service <noreply@example.com>` with any name, quoted or not."""
    if isinstance(value, Address):  # a default
        return value
    match = MAILBOX.fullmatch(value)
    name, address = match.groups() if match else ("", value)
    try:
        mailbox = parse_address(address)
    except ValueError:
        raise ValueError("is not an address such as My Service <noreply@example.com>") from None
    if not (name.isprintable() and mailbox.username.isascii()):
        raise ValueError("must have a name that can be seen, and ASCII before the @, which every server can take")
    return Address(name, mailbox.username, mailbox.domain)


def parse_address(text: str) -> Address:
    """Return it with the domain in ASCII (IDNA), as every server knows it. Raises ValueError, which says why."""
    from email_validator import validate_email  # takes long to load, and few need it

    local_part, _, domain = text.rpartition("@")
    is_local = domain == "localhost"  # which the library refuses, since nobody elsewhere can be written to there
    found = validate_email(f"{local_part}@example.com" if is_local else text, check_deliverability=False)
    # Programs that read mail, Python's own among them, take this for an encoded word (RFC 2047), although within an
    # address it is none, and would send to whatever it says.
    if "=?" in found.local_part:
        raise ValueError("The part before the @-sign must not hold =?.")
    return Address("", found.local_part, "localhost" if is_local else found.ascii_domain)
