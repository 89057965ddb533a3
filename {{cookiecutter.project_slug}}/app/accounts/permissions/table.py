"""The table of permissions. `migrate` adds the permissions of new models."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.models import Permission
from app.core.db import declared_permissions


async def add_missing(connection: AsyncConnection) -> None:
    """Add missing permissions. Old ones stay, as in Django: if an app is added again, its grants are still there."""
    present = set(await connection.scalars(select(Permission.name)))
    missing = sorted(declared_permissions() - present)
    if missing:
        await connection.execute(insert(Permission), [{"name": name} for name in missing])
