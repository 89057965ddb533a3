"""Run by Alembic for each of its commands; the connection comes from `app.core.migrations`."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from app.core.database import Base, UTCDateTime
from app.core.registry import load_models


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Keep our own classes out of migrations, which outlive them."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection, **options: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite can alter little: batch mode copies the table
        render_item=render_item,
        transaction_per_migration=True,
        transactional_ddl=True,  # with SQLite, too: `app.core.migrations` sees to it
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


load_models()
attributes = dict(context.config.attributes)
run(attributes.pop("connection"), **attributes)
