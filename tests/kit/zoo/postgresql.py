"""Models that only PostgreSQL can hold, for `app/aviary/models.py` of a rendered project."""

import enum
from typing import Any
from uuid import UUID, uuid4

from app.core.db import Base
from sqlalchemy import ARRAY, ForeignKey, Index, Integer, String, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import (
    CIDR,
    CITEXT,
    DATERANGE,
    INET,
    JSONB,
    MACADDR,
    REAL,
    TIME,
    TSVECTOR,
    Range,
)
from sqlalchemy.ext.mutable import MutableDict, MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Habitat(enum.Enum):
    forest = "forest"
    sea = "sea"


class Names(TypeDecorator[list[str]]):
    impl = ARRAY(String(20))
    cache_ok = True


class Nest(Base):
    """A table in a schema."""

    __tablename__ = "nest"
    __table_args__ = {"schema": "estate"}  # noqa: RUF012

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    place: Mapped[str] = mapped_column(String(20))
    habitat: Mapped[Habitat] = mapped_column(default=Habitat.forest)

    def __str__(self) -> str:
        return self.place


class Bird(Base):
    __tablename__ = "aviary_bird"
    __table_args__ = (Index(None, "tags", postgresql_using="gin"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(20))
    facts: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSONB), default=dict)
    tags: Mapped[list[str]] = mapped_column(MutableList.as_mutable(ARRAY(String(20))), default=list)
    sizes: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    friends: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    grid: Mapped[list[list[str]] | None] = mapped_column(ARRAY(String, dimensions=2))
    names: Mapped[list[str] | None] = mapped_column(Names)
    address: Mapped[Any] = mapped_column(INET, nullable=True)
    network: Mapped[Any] = mapped_column(CIDR, nullable=True)
    card: Mapped[str | None] = mapped_column(MACADDR)
    folded: Mapped[str | None] = mapped_column(CITEXT().with_variant(String(), "postgresql"))
    weight: Mapped[float | None] = mapped_column(REAL)
    wakes: Mapped[Any] = mapped_column(TIME(timezone=True), nullable=True)
    words: Mapped[Any] = mapped_column(TSVECTOR, nullable=True)
    away: Mapped[Range[Any] | None] = mapped_column(DATERANGE)
    nest_id: Mapped[UUID | None] = mapped_column(ForeignKey(Nest.id))
    nest: Mapped[Nest | None] = relationship()

    def __str__(self) -> str:
        return self.name
