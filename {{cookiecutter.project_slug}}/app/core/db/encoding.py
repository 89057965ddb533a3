"""Values of the database as JSON, for dumps: the same for both databases."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime
from sqlalchemy import Enum as EnumType
from sqlalchemy.types import TypeEngine

MICROSECOND = timedelta(microseconds=1)


def encode(kind: TypeEngine[Any], value: Any) -> Any:
    """Intervals are microseconds, bytes are base64, and members of an Enum are their names."""
    match value:
        case datetime():
            return _zoned(kind, value).isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value // MICROSECOND
        case bytes() | memoryview():
            return b64encode(value).decode()
        case Enum():
            return value.name
        case UUID() | Decimal():
            return str(value)
    return value


def decode(kind: TypeEngine[Any], value: Any) -> Any:
    if value is None or isinstance(kind, JSON):
        return value
    if isinstance(kind, EnumType) and kind.enum_class is not None:
        return kind.enum_class[value]
    try:
        python_type = kind.python_type
    except NotImplementedError:  # some types of PostgreSQL name none
        return value
    if python_type is datetime:
        return _zoned(kind, datetime.fromisoformat(value))
    decoder = DECODERS.get(python_type)
    return decoder(value) if decoder else value


DECODERS: Mapping[type, Callable[[Any], Any]] = {
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: lambda value: value * MICROSECOND,
    bytes: b64decode,
    UUID: UUID,
    Decimal: Decimal,
}


def _zoned(kind: TypeEngine[Any], value: datetime) -> datetime:
    """SQLite has no time zones, and returns what was stored in UTC without one."""
    if not (isinstance(kind, DateTime) and kind.timezone):
        return value
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
