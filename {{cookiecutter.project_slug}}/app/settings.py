"""Every setting of the project, read once from the environment and `.env` (the environment wins)."""

from email.headerregistry import Address
from functools import lru_cache
from pkgutil import resolve_name
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.settings import (
    BASE_DIR,
    LOCAL_HOSTS,
    PROJECT,
    TITLE,
    CommaSeparated,
    DatabaseURL,
    EmailURL,
    Mailbox,
    OptionalDatabaseURL,
    OptionalRedisURL,
    OptionalSecret,
    PublicURL,
    Rate,
    SettingsError,
    SigningKey,
    SigningKeys,
    parse_database_url,
    parse_rate,
)


def _unless_production(values: dict[str, Any]) -> bool:
    return bool(values["environment"] != "production")


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
    secret_key: SigningKey
    # Keys of before, which still verify: `manage.py rotatekey` puts them here.
    secret_key_fallbacks: SigningKeys = ()
    environment: Literal["local", "test", "production"] = "local"

    database_url: DatabaseURL = Field(default_factory=lambda: parse_database_url("sqlite:///db.sqlite3"))
    # s that it may take to connect to the database, and at most to wait until a connection is free.
    database_timeout: int = Field(default=5, ge=1, le=600)
    # s that PostgreSQL may take for a statement of a request. The answer is 503 when any of these times is over.
    database_statement_timeout: int = Field(default=5, ge=1, le=24 * 3600)
    # A server on which the test suite makes and drops a database of its own; empty: a temporary SQLite file.
    test_database_url: OptionalDatabaseURL = None

    # Where counters of the throttles are kept, for all replicas; empty: in each process.
    redis_url: OptionalRedisURL = None

    # Where tasks wait and run: in the server's process, and end with it; or in the database, which must be PostgreSQL,
    # and in `manage.py worker`.
    task_queue: Literal["process", "database"] = "process"
    # Whether each server is a worker, too; `runserver` sets it.
    task_worker: bool = False

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

    @field_validator("task_queue")
    @classmethod
    def _keepable(cls, queue: str, info: ValidationInfo) -> str:
        url = info.data.get("database_url")  # None where it is wrong itself
        if queue == "database" and url is not None and url.get_backend_name() != "postgresql":
            raise ValueError("is database, which needs DATABASE_URL=postgresql://… in place of SQLite")
        return queue

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
        raise SettingsError.of(error) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: cannot be read ({type(error).__name__}).") from None
