"""What accounts do in the background: mails to users, whose texts are in `templates/mails`, and the sweeping up.

A mail is made when it is sent, of what the user is then, so that no link is older than its mail, and no token waits in
a queue.
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

# s: until the client has surely read the answer, which must not take longer where a user has the address.
UNSEEN = 0.1


@task(retry_for=VERIFICATION_LIFETIME)
async def send_email_verification(app: FastAPI, user_id: str, email: str, state: str) -> None:
    """To the address that is to be confirmed: the user's own, or the one that they want instead.

    No mail is sent where the password or the address has changed since: another person may have asked for it.
    """
    user = await _get_user(app, user_id)
    if user is not None and email_state(user) == state and not (user.email_verified and user.email == email):
        link = _link(app, "verify-email", app.state.email_verification_tokens, user, email)
        await _send(app, "verify_email", email, link=link)


@task(retry_for=RESET_LIFETIME)
async def send_password_reset(app: FastAPI, email: str) -> None:
    """Do nothing where nobody has the address: that the mail is missing is all that tells so."""
    await asyncio.sleep(UNSEEN)
    async with app.state.database.session() as db:
        user = await db.scalar(User.named(email))
    if user is not None and not user.disabled:
        link = _link(app, "reset-password", app.state.password_reset_tokens, user, user.email)
        await _send(app, "reset_password", user.email, username=user.username, link=link)


@task
async def send_invitation(app: FastAPI, user_id: str) -> None:
    """A link to set the first password, to a user whom another user has added."""
    user = await _get_user(app, user_id)
    if user is not None:
        link = _link(app, "reset-password", app.state.password_reset_tokens, user, user.email)
        await _send(app, "invitation", user.email, username=user.username, link=link)


@task
async def tell_of_new_password(app: FastAPI, email: str, username: str) -> None:
    await _send(app, "password_changed", email, username=username)


@task
async def tell_of_new_email(app: FastAPI, old_email: str, username: str) -> None:
    """To the old address: where its owner did not want the change, they can still act."""
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
