"""What the start page shows. It costs about the same for a thousand rows and for a million."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqladmin.models import BaseView, ModelView
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from app.admin.showing import formats
from app.admin.showing.listing import Count
from app.core.audit import AuditEntry
from app.core.db import capped_count
from app.core.ops import health_of
from app.core.tasks import BackgroundJob

MAX_CHANGES = 8


@dataclass(frozen=True)
class Tally:
    """How many rows a page lists."""

    view: ModelView
    count: Count


@dataclass(frozen=True)
class Jobs:
    view: ModelView
    waiting: Count
    failed: Count


async def overview(request: Request, views: Iterable[BaseView]) -> dict[str, Any]:
    """Return the values for the template. They are only about the models that the user may view."""
    state, opened = request.app.state, [view for view in views if view.is_accessible(request)]
    listed = {view.model: view for view in opened if isinstance(view, ModelView) and await view.check_can_list(request)}
    shown = {"title": "Overview", "moment": formats.moment, "in_a_line": formats.in_a_line, "is_open": bool(opened)}
    shown |= {"health": await health_of(state), "task_queue": state.settings.task_queue, "log": listed.get(AuditEntry)}
    async with state.database.session() as db:
        return shown | {
            "tallies": [Tally(view, await _count(db, view.list_query(request))) for view in listed.values()],
            "changes": await _changes(db) if AuditEntry in listed else (),
            "jobs": await _jobs(db, listed),
        }


async def _count(db: AsyncSession, query: Select[Any]) -> Count:
    return Count(await capped_count(db, query))


async def _changes(db: AsyncSession) -> list[AuditEntry]:
    newest = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    return [*await db.scalars(newest.limit(MAX_CHANGES))]


async def _jobs(db: AsyncSession, listed: Mapping[type, ModelView]) -> Jobs | None:
    """Return None if the user may not see them, or if no jobs are stored."""
    if BackgroundJob not in listed:
        return None
    waiting, failed = (select(BackgroundJob).where(BackgroundJob.status == each) for each in ("todo", "failed"))
    return Jobs(listed[BackgroundJob], await _count(db, waiting), await _count(db, failed))
