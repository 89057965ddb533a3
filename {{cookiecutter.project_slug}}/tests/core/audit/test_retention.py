"""Old entries are deleted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEntry, delete_old_entries, retention
from app.core.db import Database, utcnow
from app.core.ops.tasks import flush_audit_log
from app.settings import Settings, get_settings
from tests.commands import call
from tests.conftest import ClientWith

AGES = (400, 31, 31, 31, 29, 0)  # days


@pytest.fixture(autouse=True)
async def _entries(db: AsyncSession) -> None:
    empty = {"place": "", "action": "add", "model": "blog.post", "object_id": "", "object_name": "", "changes": {}}
    db.add_all(AuditEntry(at=utcnow() - timedelta(days=age), actor=str(age), **empty) for age in AGES)
    await db.commit()


@pytest.fixture
def _a_month(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For commands."""
    monkeypatch.setenv("AUDIT_LOG_DAYS", "30")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


async def ages(db: AsyncSession) -> list[int]:
    return [int(age) for age in await db.scalars(select(AuditEntry.actor).order_by(AuditEntry.at))]


async def test_old_entries_are_deleted_in_batches(
    database: Database, db: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection sees each batch gone before the next one."""
    monkeypatch.setattr(retention, "BATCH", 3)
    before = utcnow() - timedelta(days=30)
    async with database.session() as observer:
        left = [(batch, await ages(observer)) async for batch in delete_old_entries(db, before)]

    assert left == [(3, [31, 29, 0]), (1, [29, 0])]


async def test_the_clock_deletes_what_is_older_than_the_setting(
    db: AsyncSession, client_with: ClientWith, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    app = (await client_with(audit_log_days=30)).app
    for _ in range(2):
        await app.state.tasks.send(flush_audit_log)
        await app.state.tasks.drain()

    assert await ages(db) == [29, 0]
    assert caplog.text.count("Deleted 4 entries of the audit log that were older than 30 days.") == 1
    assert flush_audit_log in app.state.tasks.tasks
    assert flush_audit_log.cron is not None


async def test_they_stay_for_ever_by_default(db: AsyncSession, application: FastAPI) -> None:
    assert Settings.model_fields["audit_log_days"].default == 0
    await flush_audit_log(application)

    assert await ages(db) == list(AGES)
    assert (await call("flushauditlog")).err.startswith("AUDIT_LOG_DAYS is 0, so all entries are kept.")


@pytest.mark.usefixtures("_a_month")
async def test_flushauditlog_deletes_them_at_once(db: AsyncSession) -> None:
    assert await call("flushauditlog") == (0, "4 entries deleted.\n", "")
    assert await call("flushauditlog") == (0, "0 entries deleted.\n", "")
    assert await ages(db) == [29, 0]
