"""Models as people write them, for `app/zoo/models.py` of a rendered project."""

import enum
from typing import Any, Literal
from uuid import UUID, uuid4

from app.core.db import Base
from sqlalchemy import JSON, Dialect, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine


class Diet(enum.Enum):
    meat = "meat"
    grass = "grass"


class Trimmed(TypeDecorator[str]):
    """A custom type of the project."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.strip()


class Document(TypeDecorator[Any]):
    """A custom type of the project that differs between databases."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())


class Animal(Base):
    __tablename__ = "zoo_animal"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(Trimmed(100))
    diet: Mapped[Diet] = mapped_column(default=Diet.grass)
    size: Mapped[Literal["small", "large"] | None]
    notes: Mapped[Any] = mapped_column(Document, nullable=True)
