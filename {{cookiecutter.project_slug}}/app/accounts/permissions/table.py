"""The table of permissions, which `migrate` brings in step with the models."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.models import Permission
from app.core.db import declared_permissions


async def add_missing(connection: AsyncConnection) -> None:
    """What no model declares any more stays, as in Django: an app that comes back finds its permissions granted."""
    present = set(await connection.scalars(select(Permission.name)))
    missing = sorted(declared_permissions() - present)
    if missing:
        await connection.execute(insert(Permission), [{"name": name} for name in missing])
