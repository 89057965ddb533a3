"""Mistakes of well-known tutorials on JWT with FastAPI. Each test shows that one is not made here.

`test_forgeries.py` has the forged tokens.
"""

from datetime import timedelta

import bcrypt
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication.passwords.hashing import check_password, get_password_hash
from app.accounts.models import User
from tests.conftest import PASSWORD, Login, Outbox, bearer
from tests.mails import token_in

NEW = "an entirely new one"
REFUSED = (401, 'Bearer error="invalid_token"')


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é", "null", "e30.e30.e30", "9" * 9000])
async def test_a_token_whose_check_fails_is_401_and_not_500(client: AsyncClient, token: str) -> None:
    answer = await client.get("/users/me", headers={b"Authorization": f"Bearer {token}".encode()})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_disabled_user_cannot_log_in(client: AsyncClient, db: AsyncSession, user: User) -> None:
    user.disabled = True
    await db.commit()

    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 401
    assert answer.json() == {"detail": "Incorrect username or password", "error": "invalid_grant"}


async def test_a_disabled_user_is_out_at_once(client: AsyncClient, db: AsyncSession, user: User, login: Login) -> None:
    headers = await login(user)
    user.disabled = True
    await db.commit()

    answer = await client.get("/users/me", headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == REFUSED


async def test_a_deleted_user_is_out_at_once(client: AsyncClient, db: AsyncSession, user: User, login: Login) -> None:
    headers = await login(user)
    await db.delete(user)
    await db.commit()

    assert (await client.get("/users/me", headers=headers)).status_code == 401


async def test_passwords_of_73_bytes_that_differ_at_the_end(client: AsyncClient, db: AsyncSession, user: User) -> None:
    user.hashed_password = get_password_hash("x" * 72 + "a", rounds=4)
    await db.commit()

    right = await client.post("/token", data={"username": "alice", "password": "x" * 72 + "a"})
    wrong = await client.post("/token", data={"username": "alice", "password": "x" * 72 + "b"})

    assert (right.status_code, wrong.status_code) == (200, 401)


async def test_a_nul_byte_in_a_password(client: AsyncClient, user: User) -> None:
    answer = await client.post("/token", data={"username": "alice", "password": f"{PASSWORD}\0"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "stored",
    [
        get_password_hash("right", rounds=7),
        get_password_hash("right", rounds=4),
        bcrypt.hashpw(b"right", bcrypt.gensalt(5)).decode(),
        "$bcrypt-sha256$2b,6$" + get_password_hash("right", rounds=6).split("$", 3)[3],
        None,
        "!",
        "$2b$07$short",
        "",
    ],
    ids=["this cost", "a lower cost", "bcrypt", "an older form", "nobody", "no password", "broken", "empty"],
)
@pytest.mark.parametrize("typed", ["wrong", "wrong" * 20])
def test_every_refused_login_costs_the_same_work(
    monkeypatch: pytest.MonkeyPatch, stored: str | None, typed: str
) -> None:
    """Count the work, do not measure time. An unknown user and a hash of another kind or cost must not stand out."""
    work = 0
    hashpw = bcrypt.hashpw

    def counted(password: bytes, salt: bytes) -> bytes:
        nonlocal work
        found = hashpw(password, salt)
        work += 2 ** int(salt.split(b"$")[2])
        return found

    monkeypatch.setattr(bcrypt, "hashpw", counted)

    assert check_password(typed, stored, rounds=7) == (False, None)
    assert work == 2**7


async def test_the_hash_is_never_shown(client: AsyncClient, user: User, login: Login) -> None:
    answer = await client.get("/users/me", headers=await login(user))

    assert "password" not in answer.text
    assert "bcrypt" not in answer.text


@pytest.mark.parametrize("scheme", ["Basic", "Digest", ""])
async def test_another_scheme_is_no_token(client: AsyncClient, user: User, login: Login, scheme: str) -> None:
    token = (await login(user))["Authorization"].removeprefix("Bearer ")

    answer = await client.get("/users/me", headers={"Authorization": f"{scheme} {token}"})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_lives_no_longer_than_the_settings_say(application: FastAPI) -> None:
    assert application.state.token_policy.lifetime == timedelta(minutes=30)


@pytest.mark.parametrize("body", [{}, {"current_password": None}, {"current_password": ""}, {"current_password": "x"}])
async def test_a_password_is_not_changed_without_the_present_one(
    client: AsyncClient, user: User, login: Login, body: dict[str, str | None]
) -> None:
    headers = await login(user)

    changed = await client.post("/users/me/password", headers=headers, json={"new_password": NEW} | body)
    patched = await client.patch("/users/me", headers=headers, json={"password": NEW, "new_password": NEW} | body)

    assert (changed.status_code, patched.status_code) in [(422, 200), (400, 200)]
    assert await login(user)


async def test_a_refresh_token_that_comes_back_in_the_same_second_ends_the_session(
    client: AsyncClient, user: User
) -> None:
    """A token whose only difference is its time would be the same one, and would work again."""
    tokens = (await client.post("/token", data={"username": "alice", "password": PASSWORD})).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    once, again = await client.post("/token", data=form), await client.post("/token", data=form)

    assert (once.status_code, again.status_code) == (200, 400)
    assert len({tokens["refresh_token"], once.json()["refresh_token"]}) == 2
    assert len({tokens["access_token"], once.json()["access_token"]}) == 2
    assert (await client.get("/users/me", headers=bearer(once.json()["access_token"]))).status_code == 401


@pytest.mark.parametrize("end", ["a new password", "a reset", "a logout", "another device's click"])
async def test_no_token_outlives_the_end_of_its_session(
    client: AsyncClient, user: User, login: Login, outbox: Outbox, end: str
) -> None:
    tokens = (await client.post("/token", data={"username": "alice", "password": PASSWORD})).json()
    other = await login(user)
    if end == "a new password":
        change = {"current_password": PASSWORD, "new_password": NEW}
        ended = await client.post("/users/me/password", headers=other, json=change)
    elif end == "a reset":
        await client.post("/password-reset", json={"email": user.email})
        (mail,) = await outbox()
        reset = {"token": token_in(mail), "new_password": NEW}
        ended = await client.post("/password-reset/confirm", json=reset)
    elif end == "a logout":
        ended = await client.post("/token/revoke", data={"token": tokens["access_token"]})
    else:
        session = tokens["refresh_token"].partition(".")[0]
        ended = await client.delete(f"/users/me/sessions/{session}", headers=other)

    assert ended.is_success
    assert (await client.get("/users/me", headers=bearer(tokens["access_token"]))).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await client.post("/token", data=form)).status_code == 400
