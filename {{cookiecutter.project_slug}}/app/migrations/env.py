"""Run by Alembic for each of its commands; the connection comes from `app.core.db.migrations`."""

import re
import warnings
from typing import Any, Literal

import sqlalchemy
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Enum, TypeDecorator
from sqlalchemy.exc import SAWarning

from app.core.db import Base
from app.core.registry import load_models

FOREIGN = ("procrastinate_",)


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Keep classes of the project out of migrations, which outlive them: write what a type of our own is stored as.
    An enumeration is text, and its CHECK is a constraint of its own.

    A type that differs between databases, or that is no decorator, is imported.
    """
    if kind == "type" and isinstance(item, Enum) and not item.native_enum:
        return f"sa.String(length={item.length})"
    if kind != "type" or not type(item).__module__.startswith("app."):
        return False
    if isinstance(item, TypeDecorator) and type(item).load_dialect_impl is TypeDecorator.load_dialect_impl:
        return _with_modules(repr(item.impl_instance), context)
    context.imports.add(f"import {type(item).__module__}")
    name, bracket, arguments = repr(item).partition("(")
    return f"{type(item).__module__}.{name}{bracket}{_with_modules(arguments, context)}"


def _with_modules(types: str, context: AutogenContext) -> str:
    """`ARRAY(String(length=20))` gives `sa.ARRAY(sa.String(length=20))`."""

    def qualified(name: re.Match[str]) -> str:
        if hasattr(sqlalchemy, name[0]):
            return f"sa.{name[0]}"
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return f"postgresql.{name[0]}"

    return re.sub(r"\b[A-Z]\w*(?=\()", qualified, types)


def include_name(name: str | None, kind: str, _: object) -> bool:
    """Leave alone schemas that no model names, and tables that a library's own statements in a migration make."""
    if kind == "schema":
        return name in {None, *(table.schema for table in Base.metadata.tables.values())}
    return not (kind == "table" and name is not None and name.startswith(FOREIGN))


def include_object(item: Any, _name: str | None, kind: str, _reflected: bool, compare_to: Any) -> bool:
    """Do not compare indexes that say where NULLs go: Alembic would find a difference each time."""
    ops = item.dialect_options["postgresql"]["ops"] if kind == "index" else {}
    return compare_to is None or not any("NULLS" in each for each in ops.values())


def run(connection: Connection, **options: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        render_as_batch=True,  # SQLite can alter little: batch mode copies the table
        render_item=render_item,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
        transaction_per_migration=True,
        transactional_ddl=True,  # with SQLite, too: `app.core.db.migrations` sees to it
        **options,
    )
    with context.begin_transaction(), warnings.catch_warnings():
        # Two tables may refer to each other: `makemigrations` sees to it.
        warnings.filterwarnings("ignore", "Cannot correctly sort tables", SAWarning)
        context.run_migrations()


load_models()
attributes = dict(context.config.attributes)
run(attributes.pop("connection"), **attributes)
