"""Where each setting comes from, and its value without secrets."""

import os
import re
from difflib import get_close_matches
from email.headerregistry import Address
from pathlib import Path

from dotenv import dotenv_values
from limits import RateLimitItem
from pydantic import SecretStr
from sqlalchemy import URL

from app.settings import Settings

MASK = "***"
LIKENESS = 0.8  # difflib's measure: ALLOWED_HOST resembles ALLOWED_HOSTS, POSTGRES_PASSWORD resembles no setting
USER_AND_PASSWORD = re.compile(r"^([a-z0-9+.-]+:/*)?.*@", re.IGNORECASE | re.DOTALL)


def origins() -> dict[str, str]:
    """Return for each setting where its value comes from."""
    in_environment, in_file = {name.lower() for name in os.environ}, _names_in_file()

    def origin(name: str) -> str:
        if name in in_environment:
            return "environment, overrides .env" if name in in_file else "environment"
        return ".env" if name in in_file else "default"

    return {name: origin(name) for name in Settings.model_fields}


def _names_in_file() -> list[str]:
    path = Settings.model_config["env_file"]
    return [name.lower() for name in dotenv_values(path)] if isinstance(path, Path) else []


def misspelt() -> dict[str, str]:
    """Return the names in `.env` that are not settings but resemble one, each with that setting."""
    names = [name.upper() for name in Settings.model_fields]
    unknown = (name.upper() for name in _names_in_file() if name not in Settings.model_fields)
    likely = ((name, get_close_matches(name, names, n=1, cutoff=LIKENESS)) for name in unknown)
    return {name: matches[0] for name, matches in likely if matches}


def shown(name: str, value: object) -> str:
    """Return the value as it is in `.env`, without secrets. A value of an unknown type is hidden."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case URL():
            return without_secrets(value.render_as_string(hide_password=False))
        case SecretStr() if name.endswith("_url"):
            return without_secrets(value.get_secret_value())
        case str() if "://" in value:
            return without_secrets(value)
        case str() | int() | Path() | RateLimitItem() | Address():
            return str(value).replace("\n", "\\n")
        case tuple():
            return ",".join(shown(name, part) for part in value)
        case _:
            return MASK


def without_secrets(url: str) -> str:
    """Hide the query and all before the last `@`: a password may contain an `@` that nobody escaped."""
    address, query, _ = USER_AND_PASSWORD.sub(rf"\1{MASK}@", url).partition("?")
    return f"{address}?{MASK}" if query else address
