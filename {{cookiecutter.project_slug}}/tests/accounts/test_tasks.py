from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication import sessions
from app.accounts.authentication.sessions import Device
from app.accounts.models import Session, User
from app.accounts.tasks import flush_expired_sessions, send_email_verification, send_password_reset

NOW = datetime.now(UTC)


async def test_expired_sessions_are_flushed(application: FastAPI, db: AsyncSession, user: User) -> None:
    for started in (NOW - timedelta(days=2), NOW):
        await sessions.start(db, user.id, Device("Phone", None), started, timedelta(days=1))
    await db.commit()

    await application.state.tasks.send(flush_expired_sessions)
    await application.state.tasks.drain()

    assert await db.scalar(select(func.count()).select_from(Session)) == 1


def test_the_clock_sends_it(application: FastAPI) -> None:
    assert flush_expired_sessions in application.state.tasks.tasks
    assert flush_expired_sessions.cron is not None


def test_a_mail_is_tried_again_for_as_long_as_its_token_lives(application: FastAPI) -> None:
    state = application.state

    assert send_password_reset.retry_for == state.password_reset_tokens.policy.lifetime
    assert send_email_verification.retry_for == state.email_verification_tokens.policy.lifetime
