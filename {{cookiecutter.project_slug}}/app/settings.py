"""All settings of the project, read once from the environment and `.env`. The environment wins."""

import re
from email.headerregistry import Address
from functools import lru_cache
from pathlib import Path
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
    HostPatterns,
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
    refuse_unreadable,
)

QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)


def _unless_production(values: dict[str, Any]) -> bool:
    return bool(values["environment"] != "production")


def _refuse_uncallable(path: str, number: int) -> None:
    # It runs only when settings are read, so the imported module can import this one.
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"item {number} of the list cannot be imported ({type(error).__name__})") from None
    if not callable(found):
        raise ValueError(f"item {number} of the list is not callable")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env",
        env_file_encoding="utf-8",
        enable_decoding=False,  # values are not JSON: commas separate the items of lists
        extra="ignore",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    # Signs links in mails, the cookie of the admin site, and access tokens if JWT_ALGORITHM is HS256.
    secret_key: SigningKey
    # Old keys that still verify tokens. `manage.py rotatekey` puts them here.
    secret_key_fallbacks: SigningKeys = ()
    environment: Literal["local", "test", "production"] = "local"

    database_url: DatabaseURL = Field(default_factory=lambda: parse_database_url("sqlite:///db.sqlite3"))
    # s: the longest time to connect to the database, and to wait for a free connection.
    database_timeout: int = Field(default=5, ge=1, le=600)
    # s: the longest time of a statement of a request in PostgreSQL. After any of these times, the answer is 503.
    database_statement_timeout: int = Field(default=5, ge=1, le=24 * 3600)
    # A server where the tests make and drop their own database. Empty: a temporary SQLite file.
    test_database_url: OptionalDatabaseURL = None

    # Keeps the counters of the throttles for all replicas. Empty: each process keeps its own.
    redis_url: OptionalRedisURL = None

    # process: tasks run in the server's process, and end with it. database: tasks wait in PostgreSQL and run in
    # `manage.py worker`.
    task_queue: Literal["process", "database"] = "process"
    # True: each server process is also a worker. `runserver` sets it.
    task_worker: bool = False

    # How long entries of the audit log are kept. 0: for ever.
    audit_log_days: int = Field(default=0, ge=0, le=36500)

    access_token_expire_minutes: int = Field(default=30, ge=1, le=24 * 60)
    # A session ends if its refresh token is not used for this time.
    refresh_token_expire_days: int = Field(default=14, ge=1, le=3650)
    # With EdDSA or RS256, other services verify tokens with /.well-known/jwks.json and need no secret.
    jwt_algorithm: Literal["HS256", "EdDSA", "RS256"] = "HS256"
    # A path from the project's root, the text of a PEM between BEGIN and END in one line, or PEM with \n for line ends.
    jwt_private_key: OptionalSecret = None
    jwt_public_key_fallbacks: CommaSeparated = ()
    # Who makes the tokens, and for whom. Other services that trust the tokens check both.
    jwt_issuer: str = Field(default=PROJECT["name"], min_length=1)
    jwt_audience: str = Field(default=PROJECT["name"], min_length=1)

    # Each step doubles the cost of a guess, and that of a login on this server. 12 is about 0.2 s.
    bcrypt_rounds: int = Field(default=12, ge=4, le=31)
    # How many logins may fail for one account from one address. The limit is ten times as high for one account from all
    # addresses, and twenty times as high for one address. Above it, logins are refused until the time is over.
    login_throttle: Rate = Field(default_factory=lambda: parse_rate("5/15 minutes"))
    # How many mails strangers may cause to one address, for example by a password reset. The limit for one client is
    # ten times as high.
    mail_throttle: Rate = Field(default_factory=lambda: parse_rate("5/hour"))
    # Whether everybody may register. If false, only users with the permission accounts.add_user can add users.
    registration_open: bool = True
    password_min_length: int = Field(default=8, ge=8, le=128)
    # Dotted paths of functions that check a new password, besides its length.
    password_validators: CommaSeparated = (
        "app.accounts.authentication.passwords.validators.too_common",
        "app.accounts.authentication.passwords.validators.entirely_numeric",
        "app.accounts.authentication.passwords.validators.too_similar",
    )

    # The allowed values of a request's Host header. "*.example.com" allows every subdomain, "*" allows all hosts.
    allowed_hosts: HostPatterns = LOCAL_HOSTS
    # Whether browsers must use HTTPS for all subdomains of this host, too. In production they must for the host itself.
    hsts_include_subdomains: bool = False
    # Other origins whose front ends may call the API from a browser, for example https://app.example.com.
    cors_allow_origins: CommaSeparated = ()

    # The address of this service for its users. Links in mails begin with it, never with a request's Host header.
    public_url: PublicURL = "http://127.0.0.1:8000"
    # Where mails go: console:, memory: (for tests), file:///folder, smtp://user:password@host:587, or smtps:// with TLS
    # from the first byte.
    email_url: EmailURL = SecretStr("console:")
    email_from: Mailbox = Address(TITLE, "noreply", "localhost")

    docs_enabled: bool = Field(default_factory=_unless_production)
    metrics_enabled: bool = Field(default_factory=_unless_production)
    # The bearer token that /metrics asks for. Without one, it answers only if ENVIRONMENT is local.
    metrics_token: OptionalSecret = None

    @field_validator("*", mode="before")
    @classmethod
    def _unquoted(cls, value: object) -> object:
        """A shell needs quotes in `.env`, but `docker run --env-file` makes them a part of the value."""
        return value[1:-1] if isinstance(value, str) and QUOTED.fullmatch(value) else value

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


@lru_cache
def get_settings() -> Settings:
    """Read the settings once for the whole process. Raises SettingsError."""
    file = Settings.model_config["env_file"]
    try:
        if isinstance(file, Path):
            refuse_unreadable(file)
        return Settings()
    except ValidationError as error:
        raise SettingsError.of(error) from None
    except PermissionError:
        raise SettingsError(".env: cannot be read. Run this as the owner of the file, or as root.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: cannot be read ({type(error).__name__}).") from None
