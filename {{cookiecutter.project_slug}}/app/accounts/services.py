"""The use cases of an account: what routes, commands and the admin site call.

What one user does to another is `app.accounts.administration`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts import sessions
from app.accounts.hashing import Passwords
from app.accounts.mail_tokens import email_state
from app.accounts.models import Group, Permission, User
from app.accounts.schemas import NewUser, UserRegister
from app.accounts.sessions import Device, RefreshToken
from app.accounts.tasks import send_email_verification, tell_of_new_password
from app.accounts.throttling import LoginThrottle, MailThrottle
from app.accounts.validators import Names
from app.core.permissions import permission
from app.core.tasks import TaskQueue

UNUSABLE = "!"
"""Stands for the hash of a password that has never been set."""


class InvalidCredentials(Exception):
    """No user, another password, or a disabled user: which of them is not told."""


class WrongPassword(Exception):
    """Who is logged in did not give the present password."""


class Taken(Exception):
    """Its argument is the field, such as `username` or `email`, in which another has the same value."""


class NotFound(Exception):
    """Its text says what there is none of."""


class LastSuperuser(Exception):
    """Without this one nobody could give rights to anybody."""


async def find_user(db: AsyncSession, name: str) -> User | None:
    return await db.scalar(User.named(name))


async def get_user(db: AsyncSession, user_id: UUID) -> User:
    """Return the user with his groups and what they may do. Raises NotFound."""
    groups = selectinload(User.groups).selectinload(Group.permissions)
    query = select(User).where(User.id == user_id).options(groups)
    # Anew, if this session has read it before: what was true before a hash may have changed meanwhile.
    user = await db.scalar(query.execution_options(populate_existing=True))
    if user is None:
        raise NotFound("There is no such user")
    return user


async def authenticate(
    db: AsyncSession, passwords: Passwords, throttle: LoginThrottle, name: str, password: str, now: datetime
) -> User:
    """Leave the commit to the caller. Raises Throttled, or InvalidCredentials, always after the work of one hash."""
    user = await find_user(db, name)
    await db.commit()  # gives the connection back: others can use it while this login waits for its hash
    account = user.id if user else name
    await throttle.check(account)
    valid, new_hash = await passwords.hasher.check(password, user.hashed_password if user else None)
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
        .execution_options(audited=False)
    )
    if logged_in.one_or_none() is None:
        await db.rollback()  # nothing is locked while Redis is asked
        await throttle.failed(account)
        raise InvalidCredentials
    return user


async def log_in(
    db: AsyncSession,
    passwords: Passwords,
    throttle: LoginThrottle,
    name: str,
    password: str,
    device: Device,
    now: datetime,
    lifetime: timedelta,
) -> tuple[User, RefreshToken]:
    """Start a session that lasts until no refresh token has been used for a lifetime. Raises as `authenticate` does."""
    user = await authenticate(db, passwords, throttle, name, password, now)
    token = sessions.start(db, user.id, device, now, lifetime)
    await db.commit()
    await throttle.succeeded(user.id)
    return user, token


async def log_in_staff(
    db: AsyncSession,
    passwords: Passwords,
    throttle: LoginThrottle,
    name: str,
    password: str,
    device: Device,
    now: datetime,
    lifetime: timedelta,
) -> UUID:
    """Return the id of a session for a browser. Raises as `log_in` does, also where it is no staff that logs in."""
    user = await authenticate(db, passwords, throttle, name, password, now)
    account, is_staff = user.id, user.is_staff
    if not is_staff:
        await db.rollback()
        await throttle.failed(account)  # else a right password would be known by never being refused for a while
        raise InvalidCredentials
    session_id = sessions.start_in_browser(db, account, device, now, lifetime)
    await db.commit()
    await throttle.succeeded(account)
    return session_id


async def confirm_password(
    db: AsyncSession, passwords: Passwords, throttle: LoginThrottle, user_id: UUID, password: str
) -> User:
    """Return the user whose present password this is.

    Raises WrongPassword, which counts as a failed login does, or Throttled.
    """
    user = await db.get(User, user_id)
    await db.commit()  # gives the connection back, as in `authenticate`
    await throttle.check(user_id)
    valid, _ = await passwords.hasher.check(password, user.hashed_password if user else None)
    if user is None or not valid:
        await throttle.failed(user_id)
        raise WrongPassword
    await throttle.check(user_id)
    await throttle.succeeded(user_id)
    return user


async def create_user(
    db: AsyncSession, passwords: Passwords, new: NewUser, password: str | None, *, is_superuser: bool = False
) -> User:
    """Without a password nobody can log in, until one is set. Raises InvalidPassword, or Taken."""
    return await _add(db, new, await _hash_new(passwords, new, password), is_superuser=is_superuser)


async def _add(db: AsyncSession, new: NewUser, hashed_password: str, *, is_superuser: bool = False) -> User:
    user = User(
        username=new.username,
        email=new.email,
        full_name=new.full_name,
        hashed_password=hashed_password,
        is_staff=is_superuser,
        is_superuser=is_superuser,
        groups=[],
    )
    db.add(user)
    try:
        await db.commit()
    except IntegrityError:
        await db.rollback()
        raise Taken("username" if await find_user(db, new.username) else "email") from None
    return user


async def _hash_new(passwords: Passwords, new: NewUser, password: str | None) -> str:
    if password is None:
        return UNUSABLE
    return await passwords.hash_new(password, _names(new), "password")


def _names(new: NewUser) -> Names:
    return Names(new.username, new.email, new.full_name)


async def register(
    db: AsyncSession, tasks: TaskQueue, passwords: Passwords, mails: MailThrottle, new: UserRegister
) -> User:
    """Make an account for whoever asks; a mail lets him confirm the address.

    Raises InvalidPassword, which counts as no mail, Throttled, or Taken.
    """
    password = new.password or ""
    await passwords.judge(password, _names(new), "password")
    await mails.count(new.email)
    user = await _add(db, new, await passwords.hasher.hash(password))
    await _send_email_verification(tasks, user, user.email)
    return user


async def request_email_verification(db: AsyncSession, tasks: TaskQueue, user_id: UUID) -> None:
    """Raises NotFound."""
    user = await get_user(db, user_id)
    await _send_email_verification(tasks, user, user.email)


async def _send_email_verification(tasks: TaskQueue, user: User, email: str) -> None:
    await tasks.send(send_email_verification, str(user.id), email, email_state(user))


async def update_profile(db: AsyncSession, user_id: UUID, full_name: str | None) -> User:
    """Raises NotFound."""
    user = await get_user(db, user_id)
    if full_name is not None:
        user.full_name = full_name
        await db.commit()
    return user


async def request_new_email(db: AsyncSession, tasks: TaskQueue, user: User, email: str) -> None:
    """It becomes the user's once the link that is mailed to it was used. Raises Taken."""
    other = await find_user(db, email)
    if other is not None and other.id != user.id:
        raise Taken("email")
    await _send_email_verification(tasks, user, email)


def is_unchanged(user: User) -> ColumnElement[bool]:
    """Still holds where nothing has happened since the user was read that would make a link void."""
    return and_(_has_password_of(user), User.email == user.email, User.disabled.is_(False))


def _has_password_of(user: User) -> ColumnElement[bool]:
    return and_(User.id == user.id, User.hashed_password == user.hashed_password)


async def set_password(
    db: AsyncSession,
    tasks: TaskQueue,
    passwords: Passwords,
    user: User,
    password: str,
    *,
    keep: UUID | None = None,
    by_mail: bool = False,
) -> None:
    """End all of the user's sessions with it, but for the one to keep, and tell him by mail. Where a link in a mail has
    led here, that also confirms the address.

    Raises InvalidPassword, or WrongPassword where another password was set meanwhile.
    """
    await db.commit()  # gives the connection back, as in `authenticate`
    new_hash = await passwords.hash_new(password, Names(user.username, user.email, user.full_name))
    condition, values = (is_unchanged, {"email_verified": True}) if by_mail else (_has_password_of, {})
    statement = update(User).where(condition(user)).values(hashed_password=new_hash, **values)
    if (await db.execute(statement.returning(User.id))).one_or_none() is None:
        raise WrongPassword
    await sessions.end_all(db, user.id, datetime.now(UTC), keep=keep)
    await db.commit()
    await tasks.send(tell_of_new_password, user.email, user.username)


async def change_password(
    db: AsyncSession,
    tasks: TaskQueue,
    passwords: Passwords,
    throttle: LoginThrottle,
    user_id: UUID,
    current_password: str,
    new_password: str,
    session_id: UUID,
) -> None:
    """Raises WrongPassword, InvalidPassword, or Throttled."""
    user = await confirm_password(db, passwords, throttle, user_id, current_password)
    await set_password(db, tasks, passwords, user, new_password, keep=session_id)


async def delete_account(
    db: AsyncSession, passwords: Passwords, throttle: LoginThrottle, user_id: UUID, password: str
) -> None:
    """Raises WrongPassword, LastSuperuser, or Throttled."""
    user = await confirm_password(db, passwords, throttle, user_id, password)
    async with a_superuser_stays(db, user):
        deleted = await db.execute(delete(User).where(_has_password_of(user)).returning(User.id))
    if deleted.one_or_none() is None:  # it was changed while this one was hashed
        raise WrongPassword
    await db.commit()


@asynccontextmanager
async def a_superuser_stays(db: AsyncSession, user: User) -> AsyncIterator[None]:
    """Around what may cost this user the rights of a superuser: undoes it and raises LastSuperuser if none is left."""
    if not user.is_superuser:
        yield
        return
    await _take_turns(db)
    yield
    await db.flush()
    if not await db.scalar(select(exists().where(User.is_superuser, User.disabled.is_(False)))):
        await db.rollback()
        raise LastSuperuser


async def _take_turns(db: AsyncSession) -> None:
    """Lock what all lock who come here: two that remove each other at once would not see it."""
    always_there = update(Permission).where(Permission.name == permission("change", User))
    await db.execute(always_there.values(name=Permission.name))
