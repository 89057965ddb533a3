"""Types of settings, and the `.env` file. `app/settings.py` lists the settings themselves."""

from app.core.settings.env_file import (
    create_private,
    make_secret,
    others_can_read,
    update_env,
    write_env,
    write_private,
)
from app.core.settings.env_lines import refuse_unreadable
from app.core.settings.errors import SettingsError
from app.core.settings.hosts import LOCAL_HOSTS, is_loopback
from app.core.settings.libpq import KEEPALIVES, LibpqParameters, libpq_parameters
from app.core.settings.mailboxes import parse_address
from app.core.settings.project import BASE_DIR, PROJECT, TITLE
from app.core.settings.rates import parse_rate
from app.core.settings.types import (
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
    SecretList,
    SigningKey,
    SigningKeys,
)
from app.core.settings.urls import parse_database_url

__all__ = [
    "BASE_DIR",
    "KEEPALIVES",
    "LOCAL_HOSTS",
    "PROJECT",
    "TITLE",
    "CommaSeparated",
    "DatabaseURL",
    "EmailURL",
    "HostPatterns",
    "LibpqParameters",
    "Mailbox",
    "OptionalDatabaseURL",
    "OptionalRedisURL",
    "OptionalSecret",
    "PublicURL",
    "Rate",
    "SecretList",
    "SettingsError",
    "SigningKey",
    "SigningKeys",
    "create_private",
    "is_loopback",
    "libpq_parameters",
    "make_secret",
    "others_can_read",
    "parse_address",
    "parse_database_url",
    "parse_rate",
    "refuse_unreadable",
    "update_env",
    "write_env",
    "write_private",
]
