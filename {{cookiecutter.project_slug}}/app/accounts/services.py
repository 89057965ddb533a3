"""The use cases: what routes, commands and the admin site call."""

from datetime import UTC, datetime, timedelta

from anyio import to_thread
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import sessions
from app.accounts.hashing import PasswordHasher
from app.accounts.models import User, fold
from app.accounts.schemas import UserCreate
from app.accounts.sessions import Device, RefreshToken
from app.accounts.throttling import LoginThrottle
from app.accounts.validators import Fault, Names, PasswordPolicy


class InvalidCredentials(Exception):
    """No user, another password, or a disabled user: which of them is not told."""


class InvalidPassword(Exception):
    """Its `faults` are all that is wrong with a new password; its text is their messages, one a line."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(fault.message for fault in faults))
        self.faults = faults


class Taken(Exception):
    """Its argument is the field, `username` or `email`, in which another user has the same value."""


async def find_user(db: AsyncSession, name: str) -> User | None:
    """Look up by e-mail address where the name has an `@`, which no username has."""
    column = User.email_folded if "@" in name else User.username_folded
    return await db.scalar(select(User).where(column == fold(name)))


async def authenticate(
    db: AsyncSession, hasher: PasswordHasher, throttle: LoginThrottle, name: str, password: str, now: datetime
) -> User:
    """Leave the commit to the caller. Raises Throttled, or InvalidCredentials, always after the work of one hash."""
    user = await find_user(db, name)
    await db.commit()  # gives the connection back: others can use it while this login waits for its hash
    account = user.id if user else name
    await throttle.check(account)
    valid, new_hash = await hasher.check(password, user.hashed_password if user else None)
    if user is None or not valid:
        await throttle.failed(account)
        raise InvalidCredentials
    await throttle.check(account)  # of many passwords tried at once, the right one must not be the one that is told
    # What was true before the hash may have changed meanwhile, so the write itself asks again.
    logged_in = await db.execute(
        update(User)
        .where(User.id == user.id, User.hashed_password == user.hashed_password, User.disabled.is_(False))
        .values(last_login=now, hashed_password=new_hash or user.hashed_password)
        .returning(User.id)
    )
    if logged_in.one_or_none() is None:
        await db.rollback()  # nothing is locked while Redis is asked
        await throttle.failed(account)
        raise InvalidCredentials
    return user


async def log_in(
    db: AsyncSession,
    hasher: PasswordHasher,
    throttle: LoginThrottle,
    name: str,
    password: str,
    device: Device,
    now: datetime,
    lifetime: timedelta,
) -> tuple[User, RefreshToken]:
    """Start a session that lasts until no refresh token has been used for a lifetime. Raises as `authenticate` does."""
    user = await authenticate(db, hasher, throttle, name, password, now)
    token = sessions.start(db, user.id, device, now, lifetime)
    await db.commit()
    await throttle.succeeded(user.id)
    return user, token


async def create_user(
    db: AsyncSession, hasher: PasswordHasher, new: UserCreate, policy: PasswordPolicy, *, is_superuser: bool = False
) -> User:
    """Raises InvalidPassword, or Taken."""
    await check_new_password(new.password, Names(new.username, new.email, new.full_name), policy)
    user = User(
        username=new.username,
        email=new.email,
        full_name=new.full_name,
        hashed_password=await hasher.hash(new.password),
        is_staff=is_superuser,
        is_superuser=is_superuser,
    )
    db.add(user)
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
        raise Taken(await _taken_field(db, new)) from None
    return user


async def _taken_field(db: AsyncSession, new: UserCreate) -> str:
    return "username" if await find_user(db, new.username) else "email"


async def set_password(
    db: AsyncSession, hasher: PasswordHasher, user: User, password: str, policy: PasswordPolicy
) -> None:
    """End all of the user's sessions with it. Raises InvalidPassword."""
    await check_new_password(password, Names(user.username, user.email, user.full_name), policy)
    user.hashed_password = await hasher.hash(password)
    await sessions.end_all(db, user.id, datetime.now(UTC))
    await db.commit()


async def check_new_password(password: str, names: Names, policy: PasswordPolicy) -> None:
    """Raises InvalidPassword."""
    if faults := await to_thread.run_sync(policy.faults, password, names):
        raise InvalidPassword(faults)
