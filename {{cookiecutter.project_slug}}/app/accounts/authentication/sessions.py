"""Refresh tokens, and the sessions that they keep alive (RFC 9700, 4.14.2).

A session begins with a login. Its refresh token is `ID.FAMILY.ROTATION`: the session's id, a secret that stays the same
for the whole session, and a secret that changes with each use. The table has only hashes of both secrets, so a thief
who reads it cannot make a token. A right FAMILY with an old ROTATION is a used token that came back. So there is a
copy, and nobody knows whether the thief has the old token or the new one: the session ends. A token with a wrong FAMILY
is not ours and ends nothing.

A browser at the admin site has a session without tokens. A cookie keeps it alive.

All times are arguments. The callers of these functions must commit, except for `rotate` and `flush`.
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
from sqlalchemy import ColumnElement, Select, Update, delete, exists, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.errors import InvalidRefreshToken
from app.accounts.models import Session, User
from app.core.web import client_address

SECRET_BYTES = 32  # 256 bits: nobody can guess them, so a fast hash is enough
NO_SECRET = ""  # instead of a hash: it matches no token
DEVICE_LENGTH = 255
MAX_SESSIONS = 100  # live ones of one user
FLUSH_BATCH = 5_000  # rows: a fraction of a second


@dataclass(frozen=True)
class Device:
    """The client that is logged in, or that tries to log in."""

    user_agent: str
    ip_address: str | None
    network: str = ""
    """The address that throttles count, see `app.core.web.client_address`."""

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Device":
        """Leave out an invalid address: a careless proxy may pass one on. Leave out the zone of an address too: it has
        a meaning only on its own machine (RFC 4007, 6), and may have any length.
        """
        host = connection.client.host.partition("%")[0] if connection.client else ""
        try:
            address = str(ip_address(host))
        except ValueError:
            address = None
        user_agent = connection.headers.get("User-Agent", "").replace("\0", "")  # PostgreSQL cannot store it
        return cls(user_agent, address, client_address(connection))


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
            session_id, family, rotation = text.split(".", 3)
            return cls(UUID(hex=session_id), family, rotation)
        except ValueError:
            raise InvalidRefreshToken from None

    def is_of(self) -> ColumnElement[bool]:
        return (Session.id == self.session_id) & (Session.family_hash == _hash(self.family))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


async def start(db: AsyncSession, user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> RefreshToken:
    session = await _new_session(db, user_id, device, now, lifetime)
    token = RefreshToken(session.id, _new_secret(), _new_secret())
    session.family_hash, session.rotation_hash = _hash(token.family), _hash(token.rotation)
    db.add(session)
    return token


async def start_in_browser(db: AsyncSession, user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> UUID:
    """Return the session's id. It is not a secret: the cookie that contains it must be signed."""
    session = await _new_session(db, user_id, device, now, lifetime)
    session.family_hash = session.rotation_hash = NO_SECRET
    db.add(session)
    return session.id


async def _new_session(db: AsyncSession, user_id: UUID, device: Device, now: datetime, lifetime: timedelta) -> Session:
    """Return a new session. If the user has MAX_SESSIONS, end those that were not used for the longest time."""
    surplus = _live_of(user_id, now).with_only_columns(Session.id).offset(MAX_SESSIONS - 1)
    ending = _end(now).where(Session.id.in_(surplus))
    await db.execute(ending.execution_options(audited=False, synchronize_session=False))
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
    """Extend a session that has no tokens."""
    await db.execute(
        update(Session)
        .where(Session.id == session_id, is_in_browser(), _is_live(now))
        .values(last_used_at=now, expires_at=now + lifetime)
        .execution_options(audited=False)
    )


async def rotate(db: AsyncSession, text: str, now: datetime, lifetime: timedelta) -> tuple[UUID, RefreshToken]:
    """Exchange a refresh token for the next one. Return it with the user's id.

    Raises InvalidRefreshToken. If a used token came back, the end of the session is committed before that: the answer
    reports the theft, and its rollback must not undo the end.
    """
    old = RefreshToken.parse(text)
    new = RefreshToken(old.session_id, old.family, _new_secret())
    # One statement decides. If several come at once, the first changes the hash that the others look for.
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


def _live_of(user_id: UUID, now: datetime) -> Select[Session]:
    """Select the user's live sessions, the last used one first."""
    return select(Session).where(Session.user_id == user_id, _is_live(now)).order_by(Session.last_used_at.desc())


def _user_is_enabled() -> ColumnElement[bool]:
    return exists().where(User.id == Session.user_id, User.disabled.is_(False))


def _end(now: datetime) -> Update:
    """End sessions. If one has ended before, it keeps that time."""
    return update(Session).where(Session.ended_at.is_(None)).values(ended_at=now)


async def end(db: AsyncSession, session_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Return whether the user had this session and it was live."""
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
    """Do nothing if the token is not ours (RFC 7009, 2.2)."""
    with suppress(InvalidRefreshToken):
        await db.execute(_end(now).where(RefreshToken.parse(text).is_of()))


async def live(db: AsyncSession, user_id: UUID, now: datetime) -> Sequence[Session]:
    """Return the user's live sessions, the last used one first."""
    return (await db.scalars(_live_of(user_id, now).limit(MAX_SESSIONS))).all()


async def count_over(db: AsyncSession, now: datetime) -> int:
    return await db.scalar(select(func.count()).select_from(Session).where(Session.expires_at <= now)) or 0


async def flush(db: AsyncSession, now: datetime) -> AsyncIterator[int]:
    """Delete expired sessions in batches. Commit each batch and yield its number of rows. A login waits for at most one
    batch.

    An ended session stays until its last refresh token has expired: a copy of the token may come back until then.
    """
    over = select(Session.id).where(Session.expires_at <= now).limit(FLUSH_BATCH)
    while deleted := (await db.scalars(delete(Session).where(Session.id.in_(over)).returning(Session.id))).all():
        await db.commit()
        yield len(deleted)
