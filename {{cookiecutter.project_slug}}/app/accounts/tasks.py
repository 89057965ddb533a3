"""Background tasks of accounts: mails to users (their texts are in `templates/mails`), and the cleanup of sessions.

A task makes the mail from the user's current data when it sends it. So no link is older than its mail, and no token
waits in a queue.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from app.accounts.authentication import sessions
from app.accounts.authentication.tokens.mail import RESET_LIFETIME, VERIFICATION_LIFETIME, MailTokens, email_state
from app.accounts.models import User
from app.core.mail import compose, deliver
from app.core.tasks import task

# s: wait until the client has its answer, so the work for a known address cannot delay it.
UNSEEN = 0.1


@task(retry_for=VERIFICATION_LIFETIME)
async def send_email_verification(app: FastAPI, user_id: str, email: str, state: str) -> None:
    """Send the link to the address to confirm: the user's current one, or the new one that they want.

    Send no mail if the password or the address has changed meanwhile: another person may have requested it.
    """
    user = await _get_user(app, user_id)
    if user is not None and email_state(user) == state and not (user.email_verified and user.email == email):
        link = _link(app, "verify-email", app.state.email_verification_tokens, user, email)
        await _send(app, "verify_email", email, link=link)


@task(retry_for=RESET_LIFETIME)
async def send_password_reset(app: FastAPI, email: str) -> None:
    """Do nothing if no user has the address. Only the missing mail reveals this."""
    await asyncio.sleep(UNSEEN)
    async with app.state.database.session() as db:
        user = await db.scalar(User.named(email))
    if user is not None and not user.disabled:
        link = _link(app, "reset-password", app.state.password_reset_tokens, user, user.email)
        await _send(app, "reset_password", user.email, username=user.username, link=link)


@task
async def send_invitation(app: FastAPI, user_id: str) -> None:
    """Send a link to set the first password to a user whom somebody else has added."""
    user = await _get_user(app, user_id)
    if user is not None:
        link = _link(app, "reset-password", app.state.password_reset_tokens, user, user.email)
        await _send(app, "invitation", user.email, username=user.username, link=link)


@task
async def tell_of_new_password(app: FastAPI, email: str, username: str) -> None:
    await _send(app, "password_changed", email, username=username)


@task
async def tell_of_new_email(app: FastAPI, old_email: str, username: str) -> None:
    """Tell the old address: if its owner did not want the change, they can still act."""
    await _send(app, "email_changed", old_email, username=username)


@task(cron="17 * * * *")
async def flush_expired_sessions(app: FastAPI) -> None:
    async with app.state.database.session() as db:
        async for _ in sessions.flush(db, datetime.now(UTC)):
            pass


async def _get_user(app: FastAPI, user_id: str) -> User | None:
    async with app.state.database.session() as db:
        user: User | None = await db.get(User, UUID(user_id))
    return None if user is None or user.disabled else user


def _link(app: FastAPI, page: str, tokens: MailTokens, user: User, email: str) -> str:
    return f"{app.state.settings.public_url}/account/{page}?token={tokens.create(user, email, datetime.now(UTC))}"


async def _send(app: FastAPI, template: str, to: str, **values: Any) -> None:
    message = compose(app.state.settings, f"accounts/mails/{template}", to, **values)
    await deliver(app, message.as_string())
