import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from bcrypt import gensalt, hashpw
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication.passwords.hashing import get_password_hash, verify_password
from app.accounts.authentication.tokens.signing import verify_token
from app.accounts.models import User
from tests.conftest import PASSWORD

REFUSED = {"detail": "Incorrect username or password", "error": "invalid_grant"}


async def test_a_login_gives_a_token(client: AsyncClient, application: FastAPI, user: User) -> None:
    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 30 * 60)
    assert verify_token(body["access_token"], application.state.token_policy, datetime.now(UTC)).sub == user.id


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.com", "Alice@Example.COM"])
async def test_a_login_takes_the_username_or_the_address_in_any_case(
    client: AsyncClient, user: User, name: str
) -> None:
    answer = await client.post("/token", data={"username": name, "password": PASSWORD, "grant_type": "password"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "nobody@example.com", "password": PASSWORD},
        {"username": "alice", "password": PASSWORD + " "},
        {"username": "alice", "password": "x" * 100_000},
        {"username": "x" * 100_000, "password": PASSWORD},
    ],
)
async def test_a_failed_login_says_only_that_it_failed(client: AsyncClient, user: User, form: dict[str, str]) -> None:
    answer = await client.post("/token", data=form)

    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"username": "alice"}, "invalid_request"),
        ({"password": PASSWORD}, "invalid_request"),
        ({"username": "", "password": ""}, "invalid_request"),
        ({"username": "al\0ice", "password": PASSWORD}, "invalid_request"),
        ({"username": "alice", "password": "\0"}, "invalid_request"),
        ({"username": ["alice", "bob"], "password": PASSWORD}, "invalid_request"),
        ({"username": "alice", "password": PASSWORD, "grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"username": "alice", "password": PASSWORD, "scope": "admin"}, "invalid_scope"),
    ],
)
async def test_a_malformed_request_is_answered_as_rfc_6749_asks(
    client: AsyncClient, user: User, form: dict[str, str], error: str
) -> None:
    answer = await client.post("/token", data=form)

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"username": "alice"}', "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"a", "multipart/form-data"),
        (b"%ff%fe=%00", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="username"; filename="f"\r\n\r\nx\r\n--x--',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_another_kind_of_body_is_an_invalid_request(
    client: AsyncClient, content: bytes, content_type: str
) -> None:
    answer = await client.post("/token", content=content, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_login_is_remembered(client: AsyncClient, db: AsyncSession, user: User) -> None:
    await client.post("/token", data={"username": "alice", "password": PASSWORD})

    await db.refresh(user)
    assert user.last_login is not None
    assert datetime.now(UTC) - user.last_login < timedelta(minutes=1)


@pytest.mark.parametrize(
    "old_hash",
    [hashpw(PASSWORD.encode(), gensalt(4)).decode(), get_password_hash(PASSWORD, 5)],
    ids=["another kind", "another cost"],
)
async def test_a_login_replaces_a_hash_of_another_kind_or_cost(
    client: AsyncClient, db: AsyncSession, user: User, old_hash: str
) -> None:
    user.hashed_password = old_hash
    await db.commit()

    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 200
    await db.refresh(user)
    assert user.hashed_password.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
    assert verify_password(PASSWORD, user.hashed_password)


async def test_many_logins_at_once_all_succeed_while_they_replace_an_old_hash(
    client: AsyncClient, db: AsyncSession, user: User
) -> None:
    user.hashed_password = get_password_hash(PASSWORD, 5)
    await db.commit()
    form = {"username": "alice", "password": PASSWORD}

    answers = await asyncio.gather(*(client.post("/token", data=form) for _ in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    await db.refresh(user)
    assert verify_password(PASSWORD, user.hashed_password)
