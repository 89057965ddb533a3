"""Deletes old entries, if AUDIT_LOG_DAYS is set. Nothing else deletes entries."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit.models import AuditEntry

BATCH = 5_000  # rows: a fraction of a second


async def count_old_entries(db: AsyncSession, before: datetime) -> int:
    return await db.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.at < before)) or 0


async def delete_old_entries(db: AsyncSession, before: datetime) -> AsyncIterator[int]:
    """Delete older entries in batches. Commit each batch and yield its number of rows. Nobody waits for more than one.

    The session refuses to delete entries, see `events.py`. So the statement goes to its connection.
    """
    old = select(AuditEntry.id).where(AuditEntry.at < before).order_by(AuditEntry.at).limit(BATCH)
    statement = delete(AuditEntry).where(AuditEntry.id.in_(old))
    while deleted := (await (await db.connection()).execute(statement)).rowcount:
        await db.commit()
        yield deleted
