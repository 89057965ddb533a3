"""Types of settings. Each parses the text of an environment variable."""

from email.headerregistry import Address
from typing import Annotated

from limits import RateLimitItem
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr
from sqlalchemy import URL

from app.core.settings.hosts import check_hosts
from app.core.settings.keys import check_key, check_keys
from app.core.settings.mailboxes import parse_mailbox
from app.core.settings.rates import parse_rate
from app.core.settings.urls import check_email_url, parse_database_url, parse_public_url, parse_redis_url


def split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(split_commas)]
HostPatterns = Annotated[CommaSeparated, AfterValidator(check_hosts)]
SecretList = Annotated[tuple[SecretStr, ...], BeforeValidator(split_commas)]
SigningKey = Annotated[SecretStr, AfterValidator(check_key)]
SigningKeys = Annotated[SecretList, AfterValidator(check_keys)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(lambda value: value or None)]
DatabaseURL = Annotated[URL, BeforeValidator(parse_database_url)]
OptionalDatabaseURL = Annotated[URL | None, BeforeValidator(lambda value: parse_database_url(value) if value else None)]

OptionalRedisURL = Annotated[SecretStr | None, BeforeValidator(lambda value: parse_redis_url(value) if value else None)]
Rate = Annotated[RateLimitItem, BeforeValidator(parse_rate), PlainSerializer(repr)]
PublicURL = Annotated[str, BeforeValidator(parse_public_url)]
EmailURL = Annotated[SecretStr, AfterValidator(check_email_url)]
Mailbox = Annotated[Address, BeforeValidator(parse_mailbox), PlainSerializer(str)]
