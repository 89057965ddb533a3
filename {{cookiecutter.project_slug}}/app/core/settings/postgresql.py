"""Addresses of PostgreSQL, as libpq reads them. Loaded only where one is set: psycopg takes long to load."""

import re
from urllib.parse import parse_qsl

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL

from app.core.settings.libpq import LibpqParameters

DRIVER = "postgresql+psycopg"
NAMED = re.compile("[A-Za-z_]+=")

# Parameters that tell other drivers about a pooler. Here they change nothing: this driver prepares no statements.
POOLER_HINTS = {
    ("pgbouncer", "true"),  # Prisma
    ("statement_cache_size", "0"),  # asyncpg
    ("prepared_statement_cache_size", "0"),  # SQLAlchemy, with asyncpg
}


def parse_address(address: str) -> URL:
    """Return a `postgresql://` address, which may have all parameters that libpq knows, and name several hosts.

    Raises ValueError, which says nothing of the address but the name of a parameter.
    """
    head, mark, query = address.partition("?")
    user, _, rest = head.partition("@")
    if "@" in rest or (rest and user.count("/") > 2):  # libpq would take a part of the password for the host
        raise ValueError("has an @ or a / in its user, password or name: write it as %40 or %2F")
    known = [pair for pair in query.split("&") if not _is_pooler_hint(pair)]
    if unknown := _unknown(known):
        if "@" in query:  # the name may be a part of the password
            raise ValueError("has an unknown parameter, or a ? in its user or password: write it as %3F")
        raise ValueError(f"has the parameter {unknown}, which libpq, PostgreSQL's client, does not know: remove it")
    try:
        return _url(conninfo_to_dict(f"{head}{mark}{'&'.join(known)}"))
    except (psycopg.Error, UnicodeError):
        raise ValueError("is not an address such as postgresql://user:password@host:5432/name") from None


def _is_pooler_hint(pair: str) -> bool:
    return any(found in POOLER_HINTS for found in parse_qsl(pair))


def _unknown(pairs: list[str]) -> str | None:
    named = [pair for pair in pairs if NAMED.match(pair) and not _is_known(pair)]
    return named[0].partition("=")[0] if named else None


def _is_known(pair: str) -> bool:
    name, _, value = pair.partition("=")
    if name == "ssl":
        return value == "true"  # libpq reads it as sslmode=require, as JDBC does
    try:
        make_conninfo(**{name: ""})
    except psycopg.ProgrammingError:
        return False
    return True


def _url(parameters: LibpqParameters) -> URL:
    host, port = parameters.get("host", ""), parameters.get("port", "")
    if not re.fullmatch(r"[\d,]*", port):
        raise ValueError("has a port that is not a number")
    if "," in host + port or host.startswith("/"):  # several hosts, or the folder of a socket
        return URL.create(DRIVER, **_account(parameters), query=parameters)
    where = {"host": parameters.pop("host", None), "port": int(parameters.pop("port", 0)) or None}
    return URL.create(DRIVER, **_account(parameters), **where, query=parameters)


def _account(parameters: LibpqParameters) -> LibpqParameters:
    names = {"username": "user", "password": "password", "database": "dbname"}
    return {field: parameters.pop(name, None) for field, name in names.items()}
