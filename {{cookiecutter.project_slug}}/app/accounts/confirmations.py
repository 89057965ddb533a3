"""What the link in a mail confirms: an address, or that somebody may set a new password."""

from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import services
from app.accounts.hashing import Passwords
from app.accounts.mail_tokens import MailTokens
from app.accounts.models import User
from app.accounts.schemas import MailTokenData
from app.accounts.services import Taken, WrongPassword
from app.accounts.tasks import tell_of_new_email
from app.accounts.tokens import InvalidToken
from app.core.tasks import TaskQueue


class InvalidLink(Exception):
    """It was used before, has expired, is void since something else has changed, or is none of ours."""


async def confirm_email(db: AsyncSession, tasks: TaskQueue, tokens: MailTokens, token: str) -> User:
    """Make the address that the mail went to the user's own. Raises InvalidLink, or Taken."""
    user, data = await _open(db, tokens, token)
    old_email = user.email
    user.email, user.email_verified = data.email, True
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
        raise Taken("email") from None
    if data.email != old_email:
        await tasks.send(tell_of_new_email, old_email, user.username)
    return user


async def reset_password(
    db: AsyncSession, tasks: TaskQueue, passwords: Passwords, tokens: MailTokens, token: str, new_password: str
) -> User:
    """Also confirm the address, at which the link was read. Raises InvalidLink, InvalidPassword, or ServerBusy."""
    user, _ = await _open(db, tokens, token)
    try:
        await services.set_password(db, tasks, passwords, user, new_password)
    except WrongPassword:  # somebody else was quicker, perhaps with the same link
        raise InvalidLink from None
    user.email_verified = True
    await db.commit()
    return user


async def _open(db: AsyncSession, tokens: MailTokens, token: str) -> tuple[User, MailTokenData]:
    try:
        data = tokens.read(token, datetime.now(UTC))
    except InvalidToken:
        raise InvalidLink from None
    user = await db.get(User, data.sub)
    if user is None or user.disabled or not tokens.fits(data, user):
        raise InvalidLink
    return user, data
