"""The base of all models, and the permissions that they declare."""

import enum
from datetime import datetime
from functools import cache
from typing import ClassVar, Literal

from sqlalchemy import Enum, MetaData
from sqlalchemy.orm import DeclarativeBase

from app.core.db.columns import UTCDateTime
from app.core.permissions import permission
from app.core.registry import load_models


class Base(DeclarativeBase):
    __permissions__: ClassVar[tuple[str, ...]] = ("view", "add", "change", "delete")
    """The actions that need a permission, for example `blog.view_post`. A model may list other actions."""
    __audited__: ClassVar[tuple[str, ...]] = ("add", "change", "delete")
    """The actions that the audit log records, see `app.core.audit`."""

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
    # Enumerations are text, as in Django: both databases treat them alike, and a new member needs no migration.
    # An ENUM of PostgreSQL would be a separate type, which migrations neither drop nor change.
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it as a plain attribute)
        datetime: UTCDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, length=64),
        Literal: Enum(enum.Enum, native_enum=False, length=64),
    }


@cache
def declared_permissions() -> frozenset[str]:
    load_models()
    models = [mapper.class_ for mapper in Base.registry.mappers]
    return frozenset(permission(action, model) for model in models for action in model.__permissions__)
