"""Every setting of the project, read once from the environment and `.env` (the environment wins)."""

import re
import tomllib
from email.headerregistry import Address
from functools import lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.addresses import check_email_url, parse_mailbox, parse_public_url
from app.core.environment import PLACEHOLDER

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")

KEY_BYTES = 32  # RFC 7518, 3.2: a key for HS256 is no shorter than the hash's output
PUBLISHED_KEYS = (
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's documentation
    "deff1952d59f883ece260e8683fed21ab0ad9a53323eca4f",  # a much copied tutorial on JWTBearer
)
# What the sample keys of tutorials say of themselves, and 86 random characters practically never do.
SAMPLE_WORDS = ("secret", "your-", "your_", "change", "example", "password", "insecure", PLACEHOLDER)

# The drivers are asynchronous, but the addresses that hosts hand out name none.
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}

MAX_RATE_PERIOD = 366 * 24 * 3600  # s


class SettingsError(Exception):
    """Says in one line per setting what is missing or wrong, and never what a setting holds."""


def split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def parse_database_url(value: object) -> URL:
    """Return the address for the asynchronous driver; a relative SQLite path starts at the project's root."""
    try:
        url = make_url(value)  # type: ignore[arg-type]  # whatever it is, it says so itself
    except (ArgumentError, ValueError):
        raise ValueError("is not an address such as postgresql://user:password@host:5432/name") from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.drivername not in DRIVERS.values():
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return _anchored(url) if url.get_backend_name() == "sqlite" else _with_ssl(url)


def _anchored(url: URL) -> URL:
    if not url.database or url.database == ":memory:":
        raise ValueError("must name a file, as in sqlite:///db.sqlite3: connections do not share a database in memory")
    return url.set(database=str(BASE_DIR / url.database))


def _with_ssl(url: URL) -> URL:
    """Hosts write libpq's `sslmode`, which asyncpg calls `ssl`."""
    if "sslmode" not in url.query:
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})


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


def parse_rate(value: object) -> RateLimitItem:
    if isinstance(value, RateLimitItem):  # a default
        return value
    try:
        (rate,) = parse_many(value)  # type: ignore[arg-type]  # whatever it is, it says so itself
    except ValueError:
        raise ValueError("is not a rate such as 5/15 minutes") from None
    if rate.amount < 1 or rate.get_expiry() > MAX_RATE_PERIOD:
        raise ValueError("must allow 1 or more in a year or less, as in 5/15 minutes")
    return rate


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(split_commas)]
SecretList = Annotated[tuple[SecretStr, ...], BeforeValidator(split_commas)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(lambda value: value or None)]
DatabaseURL = Annotated[URL, BeforeValidator(parse_database_url)]
OptionalDatabaseURL = Annotated[URL | None, BeforeValidator(lambda value: parse_database_url(value) if value else None)]

OptionalRedisURL = Annotated[SecretStr | None, BeforeValidator(lambda value: parse_redis_url(value) if value else None)]
Rate = Annotated[RateLimitItem, BeforeValidator(parse_rate), PlainSerializer(repr)]
PublicURL = Annotated[str, BeforeValidator(parse_public_url)]
EmailURL = Annotated[SecretStr, AfterValidator(check_email_url)]
Mailbox = Annotated[Address, BeforeValidator(parse_mailbox), PlainSerializer(str)]


_PYPROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = _PYPROJECT["project"]
TITLE: str = _PYPROJECT["tool"]["app"]["title"]


def _unless_production(values: dict[str, Any]) -> bool:
    return bool(values["environment"] != "production")


def _refuse_guessable(key: str) -> None:
    if PLACEHOLDER in key:
        raise ValueError("is still the placeholder of .env.example")
    if len(key.encode()) < KEY_BYTES:
        raise ValueError(f"is shorter than {KEY_BYTES} bytes")
    if key in PUBLISHED_KEYS or any(word in key.lower() for word in SAMPLE_WORDS):
        raise ValueError("is a sample key, with which everybody can sign tokens")


def _refuse_uncallable(path: str, number: int) -> None:
    """It is imported only when settings are read: by then whatever it imports of this module is there."""
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"number {number} of the list cannot be imported ({type(error).__name__})") from None
    if not callable(found):
        raise ValueError(f"number {number} of the list is not callable")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env",
        env_file_encoding="utf-8",
        enable_decoding=False,  # no JSON: lists have commas, addresses are addresses
        extra="ignore",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    # Signs the access tokens, where JWT_ALGORITHM is HS256.
    secret_key: SecretStr
    # Keys of before, which still verify: `manage.py rotatekey` puts them here.
    secret_key_fallbacks: SecretList = ()
    environment: Literal["local", "test", "production"] = "local"

    database_url: DatabaseURL = Field(default_factory=lambda: parse_database_url("sqlite:///db.sqlite3"))
    # A server on which the test suite makes and drops a database of its own; empty: a temporary SQLite file.
    test_database_url: OptionalDatabaseURL = None

    # Where counters of the throttles are kept, for all replicas; empty: in each process.
    redis_url: OptionalRedisURL = None

    # Where tasks wait for `manage.py worker`; empty: they run in the server's process, and go with it.
    task_broker_url: OptionalRedisURL = None
    # s after which a worker that still has a task is taken for dead, and another runs it. A task may take nine tenths.
    task_takeover_seconds: int = Field(default=60, ge=1)

    access_token_expire_minutes: int = Field(default=30, ge=1, le=24 * 60)
    # A session ends when its refresh token has not been used for so long.
    refresh_token_expire_days: int = Field(default=14, ge=1, le=3650)
    # With EdDSA or RS256 other services verify tokens by /.well-known/jwks.json, and need no secret.
    jwt_algorithm: Literal["HS256", "EdDSA", "RS256"] = "HS256"
    # PEM, with \n for its line ends, or a path from the project's root.
    jwt_private_key: OptionalSecret = None
    jwt_public_key_fallbacks: CommaSeparated = ()
    # Who makes the tokens and whom they are for; other services that trust them check both.
    jwt_issuer: str = Field(default=PROJECT["name"], min_length=1)
    jwt_audience: str = Field(default=PROJECT["name"], min_length=1)

    # Each step doubles what a guess costs, and what a login costs the server: 12 is about 0.2 s.
    bcrypt_rounds: int = Field(default=12, ge=4, le=31)
    # Failed logins that are answered for one account from one address, ten times as many for one account from anywhere,
    # and twenty times as many from one address. All that follow are refused until the time is over.
    login_throttle: Rate = Field(default_factory=lambda: parse_rate("5/15 minutes"))
    # Mails to one address that strangers may cause, as by asking for a new password; ten times as many for one client.
    mail_throttle: Rate = Field(default_factory=lambda: parse_rate("5/hour"))
    # Whether anybody may make an account; else only who has the permission accounts.add_user.
    registration_open: bool = True
    password_min_length: int = Field(default=8, ge=8, le=128)
    # What a new password must pass besides the length: dotted paths of callables, as in this list.
    password_validators: CommaSeparated = (
        "app.accounts.authentication.passwords.validators.too_common",
        "app.accounts.authentication.passwords.validators.entirely_numeric",
        "app.accounts.authentication.passwords.validators.too_similar",
    )

    # What a request's Host header may say; "*.example.com" takes every subdomain, "*" takes all.
    allowed_hosts: CommaSeparated = LOCAL_HOSTS
    # Front ends on other origins that may call from a browser, as in https://app.example.com.
    cors_allow_origins: CommaSeparated = ()

    # Where people reach this service: links in mails begin so, whatever a request's Host header says.
    public_url: PublicURL = "http://127.0.0.1:8000"
    # Where mails go: console:, memory: (for tests), file:///folder, smtp://user:password@host:587, or smtps:// with TLS
    # from the first byte.
    email_url: EmailURL = SecretStr("console:")
    email_from: Mailbox = Address(TITLE, "noreply", "localhost")

    docs_enabled: bool = Field(default_factory=_unless_production)

    @field_validator("secret_key")
    @classmethod
    def _unguessable(cls, key: SecretStr) -> SecretStr:
        _refuse_guessable(key.get_secret_value())
        return key

    @field_validator("secret_key_fallbacks")
    @classmethod
    def _all_unguessable(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            _refuse_guessable(key.get_secret_value())
        return keys

    @field_validator("password_validators")
    @classmethod
    def _callable(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for number, path in enumerate(paths, 1):
            _refuse_uncallable(path, number)
        return paths

    @field_validator("allowed_hosts")
    @classmethod
    def _lower(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in hosts)


@lru_cache
def get_settings() -> Settings:
    """Read them once for the whole process. Raises SettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: cannot be read ({type(error).__name__}).") from None


def _lines(error: ValidationError) -> list[str]:
    problems = [
        (str(detail["loc"][0]).upper(), detail)
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
        if detail["type"] != "default_factory_not_called"  # follows from another setting's error
    ]
    return [f"{name}: {_reason(detail['type'], detail['msg'])}.{_hint(name)}" for name, detail in problems]


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ")


def _hint(name: str) -> str:
    if name != "SECRET_KEY":
        return ""
    return " `python manage.py initenv` writes a .env with a good one where there is no .env yet."
