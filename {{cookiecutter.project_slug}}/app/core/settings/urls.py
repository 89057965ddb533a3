"""Addresses in settings: of the service, the database, Redis and the mail server."""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AnyHttpUrl, SecretStr, ValidationError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.settings.project import BASE_DIR

ESCAPES = "in a password, write % and its code for what is neither letter nor digit, such as %2F for /"


def parse_database_url(value: object) -> URL:
    """Return the address for the asynchronous driver. A relative SQLite path begins at the project's root."""
    address = value.render_as_string(hide_password=False) if isinstance(value, URL) else str(value)
    scheme, _, rest = address.partition(":")
    if scheme in ("sqlite", "sqlite+aiosqlite"):
        return _sqlite_url(f"sqlite+aiosqlite:{rest}")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        from app.core.settings.postgresql import parse_address  # takes long to load, and few need it

        return parse_address(f"postgresql:{rest}")
    raise ValueError("must begin with sqlite:/// or postgresql://")


def _sqlite_url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise ValueError("is not an address such as sqlite:///db.sqlite3") from None
    if not url.database or url.database == ":memory:":
        raise ValueError("must name a file like sqlite:///db.sqlite3: connections do not share a database in memory")
    return url.set(database=str(BASE_DIR / url.database))


def parse_redis_url(url: str) -> str:
    """Return the address as it is. Raises ValueError now if redis-py could not use it when it connects."""
    from redis.asyncio import ConnectionPool  # takes long to load, and few need it

    try:
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except (ValueError, TypeError):
        raise ValueError(f"is not an address like redis://:password@host:6379/0; {ESCAPES}") from None
    if parts.fragment:  # redis-py would silently leave it out
        raise ValueError(f"must not have a #; {ESCAPES}")
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError(f"must end with the number of a database, for example redis://host:6379/0; {ESCAPES}")
    return url


def parse_public_url(value: str) -> str:
    """Return the beginning of links, with the host in ASCII and without a slash at the end."""
    try:
        url = AnyHttpUrl(value)
    except ValidationError:
        raise ValueError("is not an address like https://example.com") from None
    if (url.username, url.password, url.query, url.fragment) != (None, None, None, None):
        raise ValueError("may have only a host, a port and a path, for example https://example.com:8000/app")
    return str(url).rstrip("/")


def check_email_url(secret: SecretStr) -> SecretStr:
    """Return the address as it is. The errors show no part of it: it may hold a password."""
    try:
        url = urlsplit(secret.get_secret_value())
        _ = url.port
        (url.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(f"is not an address like smtp://user:password@host:587; {ESCAPES}") from None
    if url.query or url.fragment:
        raise ValueError("must not have a ? or a #; in a password, write %3F and %23")
    if fault := _fault(url):
        raise ValueError(fault)
    return secret


def _fault(url: SplitResult) -> str | None:
    match url.scheme:
        case "console" | "memory":
            return f"must end after {url.scheme}:" if url.netloc or url.path else None
        case "file":
            is_absolute = re.match("/+[^/]", url.path) and not url.netloc
            return None if is_absolute else "must have the absolute path of a folder, for example file:///var/mail"
        case "smtp" | "smtps":
            return _server_fault(url)
    return "must begin with console:, memory:, file:///, smtp:// or smtps://"


def _server_fault(url: SplitResult) -> str | None:
    if not url.hostname or url.path.strip("/"):
        return f"must have a host and no path, for example {url.scheme}://host; {ESCAPES}"
    if bool(url.username) != bool(url.password):
        return f"must have both user and password, or neither, for example {url.scheme}://user:password@host"
    return None
