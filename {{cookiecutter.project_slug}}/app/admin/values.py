"""Values of columns as text: in addresses and filters. And keys of rows, which have a value for each column."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqladmin.helpers import get_object_identifier, parse_interval
from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    Numeric,
    SmallInteger,
    String,
    Time,
    Uuid,
    inspect,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

from app.core.db import stored_type

# A list of keys is part of an address that sqladmin's script builds without any escaping.
SPECIAL = str.maketrans({each: f"~{ord(each):02X}" for each in "~,%?#&+"})
ESCAPED = re.compile("~([0-9A-F]{2})")
EMPTY = "~"
KEY_PART = re.compile(r"((?:[^;\\]|\\.)*);", re.DOTALL)
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")


def members(kind: Enum) -> dict[Any, str]:
    """Return the stored text of each member."""
    return dict(zip(kind.enum_class or (), kind.enums, strict=False))


def integer_limit(kind: Integer) -> int:
    """Return the first number that is too large for the column in PostgreSQL."""
    bits = 64 if isinstance(kind, BigInteger) else 16 if isinstance(kind, SmallInteger) else 32
    return 1 << (bits - 1)


def parse(kind: TypeEngine[Any], text: str) -> Any:
    """Return the value of this type. Raises ValueError."""
    stored = stored_type(kind)
    reads = next((reads for types, reads in READERS if isinstance(stored, types)), None)
    if reads is None:
        raise ValueError("This type has no values that a text can name.")
    try:
        return reads(stored, text)
    except ArithmeticError as error:
        raise ValueError from error


def _member(kind: Enum, text: str) -> str:
    """Return the stored text. It may be named by the value of the member, too: sqladmin's keys have the values."""
    if text in kind.enums:
        return text
    values = {str(member.value): stored for member, stored in members(kind).items()}
    if text not in values:
        raise ValueError
    return values[text]


def _integer(kind: Integer, text: str) -> int:
    number, limit = int(text), integer_limit(kind)
    if not -limit <= number < limit:
        raise ValueError
    return number


def _boolean(_: Boolean, text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError
    return text.lower() in TRUE


def _datetime(kind: DateTime, text: str) -> datetime:
    """A time without a zone is in UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if kind.timezone else moment.replace(tzinfo=None)


def _time(kind: Time, text: str) -> time:
    moment = time.fromisoformat(text)
    if (moment.tzinfo is None) == kind.timezone:
        raise ValueError
    return moment


def _interval(_: Interval, text: str) -> timedelta:
    if (interval := parse_interval(text)) is None:
        raise ValueError
    return interval


# The first that fits: a Float is a Numeric, and an Enum is a String.
READERS: tuple[tuple[type[TypeEngine[Any]], Callable[[Any, str], Any]], ...] = (
    (Enum, _member),
    (String, lambda _, text: text),
    (Integer, _integer),
    (Float, lambda _, text: float(text)),
    (Numeric, lambda _, text: Decimal(text)),
    (Boolean, _boolean),
    (DateTime, _datetime),
    (Date, lambda _, text: date.fromisoformat(text)),
    (Time, _time),
    (Interval, _interval),
    (Uuid, lambda kind, text: UUID(text) if kind.as_uuid else text),
)


def key_of(row: Any) -> str:
    return str(get_object_identifier(row))


def name_of(row: Any) -> str:
    """Return the text of a row, or its key if the text needs other rows, which nobody has loaded."""
    try:
        return str(row)
    except SQLAlchemyError:
        return f"{type(row).__name__} {key_of(row)}"


def key_values(key: str, model: type) -> tuple[Any, ...] | None:
    """Return None for an invalid key: text that is not a UUID, or a number that is too large for the column."""
    mapper: Mapper[Any] = inspect(model)
    columns = mapper.primary_key
    # As sqladmin writes a key of several columns: `a;b\\;c` is "a" and "b;c".
    parts = [re.sub(r"\\(.)", r"\1", part) for part in KEY_PART.findall(f"{key};")] if len(columns) > 1 else [key]
    if len(parts) != len(columns):
        return None
    try:
        return tuple(parse(column.type, part) for column, part in zip(columns, parts, strict=True))
    except ValueError:
        return None


def in_list(row: Any) -> str:
    """Return the key as it is in lists: separated by commas, and in addresses that sqladmin makes without escapes."""
    return key_of(row).translate(SPECIAL) or EMPTY


def from_list(keys: str) -> list[str]:
    named = filter(None, keys.split(","))
    return ["" if key == EMPTY else ESCAPED.sub(lambda code: chr(int(code[1], 16)), key) for key in named]
