"""Refresh tokens and sessions, over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from anyio import create_task_group
from httpx import AsyncClient, Response
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.accounts import UseCases
from app.accounts.authentication.sessions import MAX_SESSIONS, Device
from app.accounts.models import Session, User
from tests.commands import call
from tests.conftest import PASSWORD, PASSWORD_HASH, Login, bearer, save

Tokens = dict[str, str]
Start = Callable[[], Awaitable[Tokens]]


@pytest.fixture
def start(client: AsyncClient, user: User) -> Start:
    """Log in as the user, and return both tokens."""

    async def start() -> Tokens:
        answer = await client.post(
            "/token", data={"username": "alice", "password": PASSWORD}, headers={"User-Agent": "Phone"}
        )
        tokens: Tokens = answer.json()
        return tokens

    return start


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": token})


async def status_of_me(client: AsyncClient, tokens: Tokens) -> int:
    return (await client.get("/users/me", headers=bearer(tokens["access_token"]))).status_code


async def test_a_refresh_token_is_exchanged_for_the_next(client: AsyncClient, start: Start) -> None:
    first = await start()
    answer = await refresh(client, first["refresh_token"])

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    second = answer.json()
    assert set(second) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert second["refresh_token"] != first["refresh_token"]
    assert await status_of_me(client, second) == 200
    assert (await refresh(client, second["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("host", "kept"),
    [("192.0.2.1", "192.0.2.1"), ("fe80::1%" + "a" * 99, "fe80::1"), ("unix:socket", None), ("", None)],
)
def test_the_address_of_a_device_is_one_or_none(host: str, kept: str | None) -> None:
    connection = HTTPConnection({"type": "http", "headers": [], "client": (host, 0)})
    assert Device.of(connection).ip_address == kept


async def test_a_used_refresh_token_ends_its_session_for_good(client: AsyncClient, start: Start) -> None:
    first = await start()
    second = (await refresh(client, first["refresh_token"])).json()

    answer = await refresh(client, first["refresh_token"])

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await refresh(client, second["refresh_token"])).status_code == 400
    assert await status_of_me(client, second) == 401


async def test_only_its_own_session_ends(client: AsyncClient, start: Start) -> None:
    stolen, other = await start(), await start()
    await refresh(client, stolen["refresh_token"])
    await refresh(client, stolen["refresh_token"])

    assert await status_of_me(client, other) == 200
    assert (await refresh(client, other["refresh_token"])).status_code == 200


async def test_of_many_refreshes_at_once_at_most_one_succeeds(client: AsyncClient, start: Start) -> None:
    tokens = await start()
    answers: list[Response] = []

    async def one() -> None:
        answers.append(await refresh(client, tokens["refresh_token"]))

    async with create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([200] + [400] * 19, [400] * 20)
    assert await status_of_me(client, tokens) == 401


@pytest.mark.parametrize("change", ["family", "rotation", "session"])
async def test_a_forged_refresh_token_is_refused(client: AsyncClient, start: Start, change: str) -> None:
    """Somebody without the family's secret cannot end the session either."""
    tokens = await start()
    session, family, rotation = tokens["refresh_token"].split(".")
    forged = {
        "family": f"{session}.{'x' * 43}.{rotation}",
        "rotation": f"{session}.{'x' * 43}.{'y' * 43}",
        "session": f"{uuid4().hex}.{family}.{rotation}",
    }

    assert (await refresh(client, forged[change])).status_code == 400
    assert await status_of_me(client, tokens) == 200


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c", "é.é.é", "x" * 100_000])
async def test_nonsense_is_refused(client: AsyncClient, token: str) -> None:
    assert (await refresh(client, token)).status_code == 400


async def test_the_table_has_nothing_that_could_be_sent(client: AsyncClient, db: AsyncSession, start: Start) -> None:
    tokens = await start()
    row = (await db.execute(select(Session.__table__))).one()

    for secret in tokens["refresh_token"].split(".")[1:]:
        assert secret not in str(row)
    assert tokens["access_token"] not in str(row)


async def test_an_access_token_is_no_refresh_token_nor_the_other_way(client: AsyncClient, start: Start) -> None:
    tokens = await start()

    assert (await refresh(client, tokens["access_token"])).status_code == 400
    assert await status_of_me(client, {"access_token": tokens["refresh_token"]}) == 401


async def test_a_refresh_token_expires(client: AsyncClient, db: AsyncSession, start: Start) -> None:
    tokens = await start()
    await db.execute(update(Session).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    await db.commit()

    assert (await refresh(client, tokens["refresh_token"])).status_code == 400
    assert await status_of_me(client, tokens) == 401


async def test_a_disabled_user_cannot_refresh(client: AsyncClient, db: AsyncSession, user: User, start: Start) -> None:
    tokens = await start()
    user.disabled = True
    await db.commit()

    assert (await refresh(client, tokens["refresh_token"])).status_code == 400


async def test_a_deleted_user_cannot_refresh(client: AsyncClient, db: AsyncSession, user: User, start: Start) -> None:
    tokens = await start()
    await db.delete(user)
    await db.commit()

    assert (await refresh(client, tokens["refresh_token"])).status_code == 400


async def test_a_new_password_ends_every_session(client: AsyncClient, start: Start) -> None:
    first, second = await start(), await start()

    await call("changepassword", "alice", stdin="an entirely new one\n")

    assert [await status_of_me(client, tokens) for tokens in (first, second)] == [401, 401]
    assert (await refresh(client, first["refresh_token"])).status_code == 400


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_the_session(client: AsyncClient, start: Start, kind: str) -> None:
    tokens, other = await start(), await start()

    answer = await client.post("/token/revoke", data={"token": tokens[kind], "token_type_hint": kind})

    assert answer.status_code == 200
    assert await status_of_me(client, tokens) == 401
    assert (await refresh(client, tokens["refresh_token"])).status_code == 400
    assert await status_of_me(client, other) == 200


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "0123456789abcdef0123456789abcdef.x.y"])
async def test_revoking_an_unknown_token_is_answered_alike(client: AsyncClient, token: str) -> None:
    assert (await client.post("/token/revoke", data={"token": token})).status_code == 200


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"token": ["a", "b"]}, {"token": "\0"}])
async def test_revoking_nothing_is_an_invalid_request(client: AsyncClient, form: dict[str, str]) -> None:
    answer = await client.post("/token/revoke", data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_the_devices_are_listed(client: AsyncClient, start: Start) -> None:
    first, second = await start(), await start()

    answer = await client.get("/users/me/sessions", headers=bearer(first["access_token"]))

    assert answer.status_code == 200
    assert [session["current"] for session in answer.json()] == [False, True]
    assert {session["user_agent"] for session in answer.json()} == {"Phone"}
    assert {session["id"].replace("-", "") for session in answer.json()} == {
        tokens["refresh_token"].partition(".")[0] for tokens in (first, second)
    }


async def test_a_device_can_be_logged_out(client: AsyncClient, start: Start) -> None:
    mine, lost = await start(), await start()
    path = f"/users/me/sessions/{lost['refresh_token'].partition('.')[0]}"
    headers = bearer(mine["access_token"])

    assert (await client.delete(path, headers=headers)).status_code == 204
    assert await status_of_me(client, lost) == 401
    assert await status_of_me(client, mine) == 200
    assert (await client.delete(path, headers=headers)).status_code == 404
    assert len((await client.get("/users/me/sessions", headers=headers)).json()) == 1


async def test_another_users_device_is_none_of_mine(
    client: AsyncClient, db: AsyncSession, start: Start, login: Login
) -> None:
    bob = await save(db, User(username="bob", email="bob@example.com", hashed_password=PASSWORD_HASH))
    tokens, headers = await start(), await login(bob)

    answer = await client.delete(f"/users/me/sessions/{tokens['refresh_token'].partition('.')[0]}", headers=headers)

    assert answer.status_code == 404
    assert await status_of_me(client, tokens) == 200


async def test_what_is_over_is_flushed_and_the_rest_stays(client: AsyncClient, db: AsyncSession, start: Start) -> None:
    over, ended, live = await start(), await start(), await start()
    await db.execute(
        update(Session)
        .where(Session.id == UUID(hex=over["refresh_token"].partition(".")[0]))
        .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    )
    await db.commit()
    await client.post("/token/revoke", data={"token": ended["refresh_token"]})

    assert (await call("flushexpiredtokens")).out == "1 sessions deleted.\n"

    assert await db.scalar(select(func.count()).select_from(Session)) == 2
    assert await status_of_me(client, live) == 200


async def test_a_user_has_at_most_a_hundred_sessions_and_the_one_unused_for_longest_ends(
    client: AsyncClient, accounts: UseCases, user: User, start: Start
) -> None:
    first, second = await start(), await start()
    first = (await refresh(client, first["refresh_token"])).json()  # used again, so it is not the oldest any more
    for _ in range(98):
        await accounts.start_session(user.id)

    last = await start()

    assert [await status_of_me(client, tokens) for tokens in (first, second, last)] == [200, 401, 200]
    assert (await refresh(client, second["refresh_token"])).status_code == 400
    listed = await client.get("/users/me/sessions", headers=bearer(last["access_token"]))
    assert len(listed.json()) == MAX_SESSIONS
