"""The functions of sessions on their table: whose sessions they reach, and until when."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication import sessions
from app.accounts.authentication.sessions import SECRET_BYTES, Device, RefreshToken
from app.accounts.errors import InvalidRefreshToken
from app.accounts.models import Session, User

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONE = Device("Phone", "192.0.2.1")


async def start(db: AsyncSession, user: User, now: datetime = NOW) -> UUID:
    return (await sessions.start(db, user.id, PHONE, now, HOUR)).session_id


async def live(db: AsyncSession, user: User, now: datetime = NOW) -> list[UUID]:
    return [session.id for session in await sessions.live(db, user.id, now)]


async def test_a_session_remembers_its_device_and_its_times(db: AsyncSession, user: User) -> None:
    await start(db, user)

    (session,) = await sessions.live(db, user.id, NOW)
    assert (session.user_agent, session.ip_address) == ("Phone", "192.0.2.1")
    assert (session.created_at, session.last_used_at, session.expires_at) == (NOW, NOW, NOW + HOUR)


async def test_it_is_live_until_it_expires(db: AsyncSession, user: User) -> None:
    session = await start(db, user)

    assert await live(db, user, NOW + HOUR - timedelta(seconds=1)) == [session]
    assert await live(db, user, NOW + HOUR) == []
    assert not await sessions.end(db, session, user.id, NOW + HOUR)
    assert await sessions.end(db, session, user.id, NOW)


async def test_each_use_extends_it(db: AsyncSession, user: User) -> None:
    token = await sessions.start(db, user.id, PHONE, NOW, HOUR)
    used = NOW + HOUR / 2

    user_id, following = await sessions.rotate(db, str(token), used, HOUR)

    assert user_id == user.id
    (session,) = await sessions.live(db, user.id, used)
    await db.refresh(session)
    assert (session.last_used_at, session.expires_at) == (used, used + HOUR)
    assert (following.session_id, following.family) == (token.session_id, token.family)


async def test_ending_all_reaches_no_other_user(db: AsyncSession, user: User, admin: User) -> None:
    kept, ended, other = await start(db, user), await start(db, user), await start(db, admin)

    await sessions.end_all(db, user.id, NOW, keep=kept)
    assert await live(db, user) == [kept]
    assert ended not in await live(db, user)
    await sessions.end_all(db, user.id, NOW)

    assert await live(db, user) == []
    assert await live(db, admin) == [other]


async def test_the_limit_counts_only_live_sessions_of_the_same_user(
    db: AsyncSession, user: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    other = await start(db, admin, NOW - HOUR / 2)
    over = await start(db, user, NOW - 2 * HOUR)
    first = await start(db, user, NOW - HOUR / 2)
    second = await start(db, user, NOW - HOUR / 4)
    assert set(await live(db, user)) == {first, second}

    third = await start(db, user)

    assert await live(db, user) == [third, second]
    assert await live(db, admin) == [other]
    expired = await db.get_one(Session, over, populate_existing=True)
    assert expired.ended_at is None  # nobody has ended it


async def test_another_users_name_does_not_help_a_disabled_one(db: AsyncSession, user: User, admin: User) -> None:
    token = await sessions.start(db, user.id, PHONE, NOW, HOUR)
    user.disabled = True
    await db.flush()

    with pytest.raises(InvalidRefreshToken):
        await sessions.rotate(db, str(token), NOW, HOUR)


async def test_a_session_of_a_browser_has_no_tokens_and_lives_as_long_as_it_is_used(
    db: AsyncSession, user: User
) -> None:
    browser = await sessions.start_in_browser(db, user.id, PHONE, NOW, HOUR)
    await sessions.start_in_browser(db, user.id, PHONE, NOW, HOUR)  # nobody uses it
    phone = await start(db, user)

    await sessions.keep_alive(db, browser, NOW + HOUR / 2, HOUR)
    await sessions.keep_alive(db, phone, NOW + HOUR / 2, HOUR)

    assert await live(db, user, NOW + HOUR) == [browser]
    used = await db.get_one(Session, browser, populate_existing=True)
    assert (used.last_used_at, used.expires_at) == (NOW + HOUR / 2, NOW + HOUR * 3 / 2)
    await sessions.keep_alive(db, browser, NOW + 2 * HOUR, HOUR)  # too late
    assert await live(db, user, NOW + 2 * HOUR) == []
    with pytest.raises(InvalidRefreshToken):
        await sessions.rotate(db, f"{browser.hex}..", NOW, HOUR)


async def test_only_the_sessions_of_browsers_end(db: AsyncSession, user: User, admin: User) -> None:
    await sessions.start_in_browser(db, user.id, PHONE, NOW, HOUR)
    phone = await start(db, user)
    other = await sessions.start_in_browser(db, admin.id, PHONE, NOW, HOUR)

    await sessions.end_in_browsers(db, user.id, NOW)

    assert await live(db, user) == [phone]
    assert await live(db, admin) == [other]


async def test_what_is_over_is_counted_and_flushed_in_batches(
    db: AsyncSession, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FLUSH_BATCH", 2)
    assert await sessions.count_over(db, NOW) == 0
    for _ in range(3):
        await start(db, user, NOW - HOUR)
    kept = await start(db, user)
    assert await sessions.count_over(db, NOW) == 3

    assert [number async for number in sessions.flush(db, NOW)] == [2, 1]

    assert await sessions.count_over(db, NOW) == 0
    assert await live(db, user) == [kept]


async def test_nobody_can_guess_a_token(db: AsyncSession, user: User) -> None:
    token = RefreshToken.parse(str(await sessions.start(db, user.id, PHONE, NOW, HOUR)))

    assert len({token.family, token.rotation}) == 2
    assert SECRET_BYTES >= 32
    assert all(len(secret) == 43 for secret in (token.family, token.rotation))  # 256 bits in base64
