"""Addresses in settings: of the service, of a database, of Redis, of a server for mail."""

import re
from urllib.parse import SplitResult, urlsplit

from pydantic import AnyHttpUrl, SecretStr, ValidationError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.settings.project import BASE_DIR


def parse_database_url(value: object) -> URL:
    """Return the address for the asynchronous driver; a relative SQLite path starts at the project's root."""
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
        raise ValueError("must name a file, as in sqlite:///db.sqlite3: connections do not share a database in memory")
    return url.set(database=str(BASE_DIR / url.database))


def parse_redis_url(url: str) -> str:
    """Return it as it is. Raises ValueError where redis-py could not use it, which it says only when it connects."""
    from redis.asyncio import ConnectionPool  # takes long to load, and few need it

    try:
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        raise ValueError("is not an address such as redis://:password@host:6379/0") from None
    parts = urlsplit(url)
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError("must end with the number of a database, as in redis://host:6379/0")
    return url


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
