"""The base of all models, and the permissions that they declare."""

import enum
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import ClassVar, Literal
from zlib import crc32

from sqlalchemy import CheckConstraint, Column, Enum, MetaData, String, Table, event, type_coerce
from sqlalchemy.exc import NoReferencedTableError, NoReferenceError
from sqlalchemy.orm import DeclarativeBase

from app.core.db.columns import UTCDateTime
from app.core.permissions import permission
from app.core.registry import load_models

ENUM_LENGTH = 64  # characters of a member's name


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
    # Enumerations are text with a CHECK, so both databases treat them alike. An ENUM of PostgreSQL would be a separate
    # type, which migrations neither drop nor change. If you want one, write `sqlalchemy.dialects.postgresql.ENUM`.
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it as a plain attribute)
        datetime: UTCDateTime,
        enum.Enum: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
        Literal: Enum(enum.Enum, native_enum=False, length=ENUM_LENGTH),
    }


@event.listens_for(Column, "after_parent_attach")
def _store_as_text(column: "Column[str]", table: Table) -> None:
    """Make an enumeration text with a CHECK, also one that is written as `Enum(Status)`.

    Alembic compares only the names of CHECKs. So the name depends on the members.
    """
    kind = column.type
    if table.metadata is not Base.metadata or type(kind) is not Enum or kind.create_constraint:
        return
    if kind.native_enum:
        kind.native_enum, kind.length = False, ENUM_LENGTH
    is_member = type_coerce(column, String()).in_(kind.enums)
    digest = crc32(repr(sorted(kind.enums)).encode())
    table.append_constraint(CheckConstraint(is_member, name=f"{column.name}_{digest:08x}"))


@cache
def declared_permissions() -> frozenset[str]:
    load_models()
    models = [mapper.class_ for mapper in Base.registry.mappers]
    return frozenset(permission(action, model) for model in models for action in model.__permissions__)


def lost_references() -> Iterator[str]:
    """Yield a sentence about each foreign key to a table or a column that does not exist."""
    load_models()
    for table in Base.metadata.tables.values():
        for key in sorted(table.foreign_keys, key=lambda each: each.parent.name):
            try:
                key.column  # noqa: B018 (this looks for it)
            except NoReferenceError as error:
                kind = "table" if isinstance(error, NoReferencedTableError) else "column"
                name = f"{table}.{key.parent.name}"
                yield f"The column {name} refers to {key.target_fullname}, but there is no such {kind}"
