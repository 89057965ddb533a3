"""Periodic work that keeps an installation healthy."""

import logging
from datetime import timedelta

from fastapi import FastAPI

from app.core.audit import delete_old_entries
from app.core.db import utcnow
from app.core.tasks import task

logger = logging.getLogger(__name__)


@task(cron="37 * * * *")
async def flush_audit_log(app: FastAPI) -> None:
    """Delete the entries of the audit log that are older than AUDIT_LOG_DAYS. 0 keeps them for ever."""
    if days := app.state.settings.audit_log_days:
        async with app.state.database.session() as db:
            deleted = sum([count async for count in delete_old_entries(db, utcnow() - timedelta(days=days))])
        if deleted:
            logger.info("Deleted %d entries of the audit log that were older than %d days.", deleted, days)
