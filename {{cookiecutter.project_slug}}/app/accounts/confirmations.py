"""What the link in a mail confirms: an address, or that somebody may set a new password."""

from datetime import UTC, datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import services
from app.accounts.hashing import Passwords
from app.accounts.mail_tokens import MailTokens
from app.accounts.models import User, fold
from app.accounts.schemas import MailTokenData
from app.accounts.services import Taken, WrongPassword, is_unchanged
from app.accounts.tasks import tell_of_new_email
from app.accounts.tokens import InvalidToken
from app.core.tasks import TaskQueue


class InvalidLink(Exception):
    """It was used before, has expired, is void since something else has changed, or is none of ours."""


async def confirm_email(db: AsyncSession, tasks: TaskQueue, tokens: MailTokens, token: str) -> str:
    """Make the address that the mail went to the user's own, and return it. Raises InvalidLink, or Taken."""
    user, data = await open_link(db, tokens, token)
    old_email, username = user.email, user.username
    confirmed = {"email_verified": True, "email_changed_at": datetime.now(UTC)}
    changes = {"email": data.email, "email_folded": fold(data.email), **confirmed}
    try:
        changed = await db.execute(update(User).where(is_unchanged(user)).values(changes).returning(User.id))
    except IntegrityError:
        await db.rollback()
        raise Taken("email") from None
    if changed.one_or_none() is None:
        raise InvalidLink
    await db.commit()
    if data.email != old_email:
        await tasks.send(tell_of_new_email, old_email, username)
    return data.email


async def reset_password(
    db: AsyncSession, tasks: TaskQueue, passwords: Passwords, tokens: MailTokens, token: str, new_password: str
) -> None:
    """Also confirm the address, at which the link was read. Raises InvalidLink, InvalidPassword, or ServerBusy."""
    user, _ = await open_link(db, tokens, token)
    try:
        await services.set_password(db, tasks, passwords, user, new_password, by_mail=True)
    except WrongPassword:  # somebody else was quicker, perhaps with the same link
        raise InvalidLink from None


async def open_link(db: AsyncSession, tokens: MailTokens, token: str) -> tuple[User, MailTokenData]:
    """Return whose it is, and what it says. Changes nothing. Raises InvalidLink."""
    try:
        data = tokens.read(token, datetime.now(UTC))
    except InvalidToken:
        raise InvalidLink from None
    user = await db.get(User, data.sub)
    if user is None or user.disabled or not tokens.fits(data, user):
        raise InvalidLink
    return user, data
