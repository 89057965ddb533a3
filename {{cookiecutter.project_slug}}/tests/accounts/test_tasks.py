from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication import sessions
from app.accounts.authentication.sessions import Device
from app.accounts.models import Session, User
from app.accounts.tasks import flush_expired_sessions

NOW = datetime.now(UTC)


async def test_expired_sessions_are_flushed(application: FastAPI, db: AsyncSession, user: User) -> None:
    for started in (NOW - timedelta(days=2), NOW):
        sessions.start(db, user.id, Device("Phone", None), started, timedelta(days=1))
    await db.commit()

    await application.state.tasks.send(flush_expired_sessions)
    await application.state.tasks.drain()

    assert await db.scalar(select(func.count()).select_from(Session)) == 1


def test_the_clock_sends_it(application: FastAPI) -> None:
    task = application.state.tasks.tasks["accounts.flush_expired_sessions"]

    assert task is flush_expired_sessions
    assert task.cron is not None
