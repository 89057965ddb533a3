"""The base of all models, and the permissions that they declare."""

import enum
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import ClassVar, Literal

from sqlalchemy import Enum, MetaData
from sqlalchemy.orm import DeclarativeBase

from app.core.db.columns import UTCDateTime
from app.core.db.engine import ENUM_LENGTH
from app.core.permissions import permission
from app.core.registry import load_models


class Base(DeclarativeBase):
    __permissions__: ClassVar[tuple[str, ...]] = ("view", "add", "change", "delete")
    """What may be done with a model, each a permission such as `blog.view_post`; a model may name others."""
    __audited__: ClassVar[tuple[str, ...]] = ("add", "change", "delete")
    """What is written down in the audit log; `app.core.audit` says more."""

    # Alembic can only change or drop a constraint that has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Enumerations are text that both databases treat alike, as Django's choices are: a new member needs no migration.
    # An ENUM of PostgreSQL is a type of its own, which migrations neither drop nor change.
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it as a plain attribute)
        datetime: UTCDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
        Literal: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
    }


@cache
def declared_permissions() -> frozenset[str]:
    load_models()
    return frozenset(_declared())


def _declared() -> Iterator[str]:
    for mapper in Base.registry.mappers:
        for action in mapper.class_.__permissions__:
            yield permission(action, mapper.class_)
