"""The links in mails. A link proves that somebody received the mail, and works for one change."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication.tokens.claims import MailTokenData
from app.accounts.authentication.tokens.mail import MailTokens
from app.accounts.authentication.tokens.signing import InvalidToken
from app.accounts.errors import InvalidLink
from app.accounts.models import User, has_password_of


async def open_link(db: AsyncSession, tokens: MailTokens, token: str, now: datetime) -> tuple[User, MailTokenData]:
    """Return the user of the link and its claims. Change nothing. Raises InvalidLink."""
    try:
        data = tokens.read(token, now)
    except InvalidToken:
        raise InvalidLink from None
    user = await db.get(User, data.sub)
    if user is None or user.disabled or not tokens.fits(data, user):
        raise InvalidLink
    return user, data


def is_unchanged(user: User) -> ColumnElement[bool]:
    """True if no change since the user was read makes a link invalid."""
    return and_(has_password_of(user), User.email == user.email, User.disabled.is_(False))
