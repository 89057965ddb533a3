"""Types of values that both databases can store, for the bodies and the queries of requests."""

import math
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BeforeValidator,
    Field,
    FiniteFloat,
    JsonValue,
    StringConstraints,
)
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
)
from sqlalchemy.types import TypeEngine

from app.core.db.columns import stored_type

MAX_LEVELS = 200  # of JSON: pydantic reads and writes 255, and an answer has some levels of its own
UNSTORABLE_TEXT = "must not have NUL characters or lone surrogates"
UNSTORABLE = f"{UNSTORABLE_TEXT}, infinite numbers, integers beyond 64 bits, or more than {MAX_LEVELS} levels"


def is_text(value: object) -> bool:
    """False for text that cannot be stored: with NUL (in PostgreSQL), or with lone surrogates, which JSON allows."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()  # a loop over a megabyte of characters would stop all other requests for 90 ms
    except UnicodeEncodeError:
        return False
    return True


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must be one line, without control characters")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null")
    return value


def _refuse_unstorable(value: Any) -> Any:
    if not _is_storable(value):
        raise ValueError(UNSTORABLE_TEXT if isinstance(value, str) else UNSTORABLE)
    return value


def _is_storable(value: Any, levels: int = MAX_LEVELS) -> bool:
    match value:
        case dict():
            return levels > 0 and all(_is_storable(part, levels - 1) for pair in value.items() for part in pair)
        case list():
            return levels > 0 and all(_is_storable(each, levels - 1) for each in value)
        case float():
            return math.isfinite(value)
        case int():
            return -(2**63) <= value < 2**63  # SQLite would store others as floats
        case str():
            return is_text(value)
    return True


def _keys(rows: Iterable[Any]) -> list[Any]:
    return sorted(row.id for row in rows)


# Write them after the limits of the length: `Annotated[str, StringConstraints(max_length=150), ONE_LINE]`. Otherwise
# pydantic's errors would say "items" for characters.
STORABLE = AfterValidator(_refuse_unstorable)
ONE_LINE = AfterValidator(_refuse_controls)
Text = Annotated[str, STORABLE]

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
"""As in an address, for example `a-new-beginning`."""
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
"""For a column of `Mapped[int]`."""
Timestamp = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""For a column of `Mapped[datetime]`."""
# SQLite stores the time that is so long after 1970.
StorableInterval = Annotated[timedelta, Field(ge=-timedelta(days=719_162), lt=timedelta(days=2_932_897))]
Json = Annotated[JsonValue, AfterValidator(_refuse_null), STORABLE]
"""For a column of JSON that must have a value. `Json | None` is for a column with `JSON(none_as_null=True)`."""
KEYS = BeforeValidator(_keys)
"""For answers: `tags: Annotated[list[UUID], KEYS]` has the sorted keys of the related rows."""


def quantized(scale: int) -> AfterValidator:
    """For a column of `Numeric(10, 2)`: `Annotated[Decimal, Field(max_digits=10, decimal_places=2), quantized(2)]`.

    1 becomes 1.00. So the answer to a POST has the same text as that to a GET.
    """
    unit = Decimal(1).scaleb(-scale)
    return AfterValidator(lambda value: value.quantize(unit))


def input_type(column_type: TypeEngine[Any]) -> Any:
    """Return the type with which pydantic checks values for a column of this type."""
    match kind := stored_type(column_type):
        case JSON():
            return Annotated[JsonValue, STORABLE]
        case Enum(enum_class=None):
            return Text
        case String() if not isinstance(kind, Enum):
            return Annotated[str, StringConstraints(max_length=kind.length), STORABLE]
        case Numeric(asdecimal=True):
            return Annotated[kind.python_type, Field(max_digits=kind.precision, decimal_places=kind.scale)]
        case DateTime(timezone=True):
            return Timestamp
        case Interval():
            return StorableInterval
        case LargeBinary():
            return Base64Bytes
        case Float():
            return FiniteFloat
        case SmallInteger():
            return Annotated[int, Field(ge=-(2**15), lt=2**15)]
        case BigInteger():
            return Annotated[int, Field(ge=-(2**63), lt=2**63)]
        case Integer():
            return Int32
    return kind.python_type
