"""Refresh tokens, and the sessions that they keep alive (RFC 9700, 4.14.2).

A session begins with a login. Its refresh token is `ID.FAMILY.ROTATION`: the session's id, a secret that stays the same
as long as the session lasts, and one that is new after each use. The table has only hashes of both: a thief who
reads it cannot make a token. A right FAMILY with an old ROTATION is a token that was used before: there is a copy, and
nobody can tell which one the thief has, so the session ends. A token without the right FAMILY is not ours, and ends
nothing.

A browser at the admin site has a session without tokens, which a cookie keeps alive.

All times come in as arguments; what these functions change is committed by their caller, but for `rotate`.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from uuid import UUID, uuid4

from fastapi.requests import HTTPConnection
from sqlalchemy import ColumnElement, Update, delete, exists, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.errors import InvalidRefreshToken
from app.accounts.models import Session, User
from app.core.web import client_address

SECRET_BYTES = 32  # 256 bits: too many to guess, so a fast hash is enough to keep them
NO_SECRET = ""  # in the place of a hash: of nothing, so that no token fits
DEVICE_LENGTH = 255
FLUSH_BATCH = 5_000  # rows: a fraction of a second


@dataclass(frozen=True)
class Device:
    """The client that is logged in, or wants to be."""

    user_agent: str
    ip_address: str | None
    network: str = ""
    """What the throttles count, as `app.core.web.client_address` tells it."""

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Device":
        """An address that is none, as a careless proxy may hand on, is left out; so is the zone of one, which means
        something only to the machine that it comes from (RFC 4007, 6), and may be of any length.
        """
        host = connection.client.host.partition("%")[0] if connection.client else ""
        try:
            address = str(ip_address(host))
        except ValueError:
            address = None
        return cls(connection.headers.get("User-Agent", ""), address, client_address(connection))


@dataclass(frozen=True)
class RefreshToken:
    session_id: UUID
    family: str
    rotation: str

    def __str__(self) -> str:
        return f"{self.session_id.hex}.{self.family}.{self.rotation}"

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises InvalidRefreshToken."""
        try:
            session_id, family, rotation = text.split(".")
            return cls(UUID(hex=session_id), family, rotation)
        except ValueError:
            raise InvalidRefreshToken from None

    def is_of(self) -> ColumnElement[bool]:
        return (Session.id == self.session_id) & (Session.family_hash == _hash(self.family))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def start(db: AsyncSession, user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> RefreshToken:
    session = _new_session(user_id, device, now, lifetime)
    token = RefreshToken(session.id, _new_secret(), _new_secret())
    session.family_hash, session.rotation_hash = _hash(token.family), _hash(token.rotation)
    db.add(session)
    return token


def start_in_browser(db: AsyncSession, user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> UUID:
    """Return the session's id. It is no secret: a cookie that names it must be signed."""
    session = _new_session(user_id, device, now, lifetime)
    session.family_hash = session.rotation_hash = NO_SECRET
    db.add(session)
    return session.id


def _new_session(user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> Session:
    return Session(
        id=uuid4(),
        user_id=user_id,
        user_agent=device.user_agent[:DEVICE_LENGTH],
        ip_address=device.ip_address,
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
    )


def is_in_browser() -> ColumnElement[bool]:
    return Session.family_hash == NO_SECRET


async def keep_alive(db: AsyncSession, session_id: UUID, now: datetime, lifetime: timedelta) -> None:
    """Put off the end of a session that has no tokens to be rotated."""
    await db.execute(
        update(Session)
        .where(Session.id == session_id, is_in_browser(), _is_live(now))
        .values(last_used_at=now, expires_at=now + lifetime)
        .execution_options(audited=False)
    )


async def rotate(db: AsyncSession, text: str, now: datetime, lifetime: timedelta) -> tuple[UUID, RefreshToken]:
    """Exchange a refresh token for the next one; return the user's id with it.

    Raises InvalidRefreshToken. By then the end of the session, where a used token has come back, is committed: what is
    known of a theft must outlive the answer that reports it.
    """
    old = RefreshToken.parse(text)
    new = RefreshToken(old.session_id, old.family, _new_secret())
    # One statement decides: of several that come at once, the first changes the hash that the others look for.
    user_id = await db.scalar(
        update(Session)
        .where(old.is_of(), Session.rotation_hash == _hash(old.rotation), _is_live(now), _user_is_enabled())
        .values(rotation_hash=_hash(new.rotation), last_used_at=now, expires_at=now + lifetime)
        .returning(Session.user_id)
        .execution_options(audited=False)
    )
    if user_id is None:
        await db.execute(_end(now).where(old.is_of()))
        await db.commit()
        raise InvalidRefreshToken
    await db.commit()
    return user_id, new


def _is_live(now: datetime) -> ColumnElement[bool]:
    return Session.ended_at.is_(None) & (Session.expires_at > now)


def _user_is_enabled() -> ColumnElement[bool]:
    return exists().where(User.id == Session.user_id, User.disabled.is_(False))


def _end(now: datetime) -> Update:
    """End sessions; the time of one that has ended already stays."""
    return update(Session).where(Session.ended_at.is_(None)).values(ended_at=now)


async def end(db: AsyncSession, session_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Return whether the user had such a session, and it was live."""
    ended = await db.scalar(
        _end(now)
        .where(Session.id == session_id, Session.user_id == user_id, Session.expires_at > now)
        .returning(Session.id)
    )
    return ended is not None


async def end_all(db: AsyncSession, user_id: UUID, now: datetime, *, keep: UUID | None = None) -> None:
    await db.execute(_end(now).where(Session.user_id == user_id, Session.id != keep if keep else true()))


async def end_in_browsers(db: AsyncSession, user_id: UUID, now: datetime) -> None:
    await db.execute(_end(now).where(Session.user_id == user_id, is_in_browser()))


async def end_by_refresh_token(db: AsyncSession, text: str, now: datetime) -> None:
    """Do nothing where it is none of ours (RFC 7009, 2.2)."""
    with suppress(InvalidRefreshToken):
        await db.execute(_end(now).where(RefreshToken.parse(text).is_of()))


async def live(db: AsyncSession, user_id: UUID, now: datetime) -> Sequence[Session]:
    """Return the user's sessions, the one used last first."""
    query = select(Session).where(Session.user_id == user_id, _is_live(now)).order_by(Session.last_used_at.desc())
    return (await db.scalars(query)).all()


async def count_over(db: AsyncSession, now: datetime) -> int:
    return await db.scalar(select(func.count()).select_from(Session).where(Session.expires_at <= now)) or 0


async def flush(db: AsyncSession, now: datetime) -> AsyncIterator[int]:
    """Delete what is over; yield how many rows each batch had, when it is committed. A login waits for one batch at
    most.

    A session that has ended stays until its last refresh token would have expired: as long as a copy of one can come
    back, the row is there to be looked at.
    """
    over = select(Session.id).where(Session.expires_at <= now).limit(FLUSH_BATCH)
    while deleted := (await db.scalars(delete(Session).where(Session.id.in_(over)).returning(Session.id))).all():
        await db.commit()
        yield len(deleted)
