"""Column types that behave alike in SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Interval, String
from sqlalchemy.types import TypeDecorator, TypeEngine


def utcnow() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Takes and returns aware times. SQLite has no time zones and stores them in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("this time has no time zone: use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def by_code_point(length: int) -> String:
    """Text that both databases sort by code points, so that its index can find rows by a prefix.

    SQLite does so by default. PostgreSQL would sort by the rules of the server's language.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def stored_type(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type inside a TypeDecorator. SQLAlchemy's Interval is one, too, but stays: inside is a DateTime."""
    while isinstance(kind, TypeDecorator) and not isinstance(kind, Interval):
        kind = kind.impl_instance
    return kind
