"""A forgotten password: over the API, and on the pages behind the link."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication.passwords.hashing import get_password_hash
from app.accounts.models import User
from app.accounts.users.registration import UNUSABLE
from tests.conftest import PASSWORD, PASSWORD_HASH, Login, Outbox, bearer
from tests.mails import link_in, token_in

NEW = "an entirely new one"


async def ask(client: AsyncClient, email: str = "alice@example.com") -> Response:
    return await client.post("/password-reset", json={"email": email})


async def reset(client: AsyncClient, token: str, password: str = NEW) -> Response:
    return await client.post("/password-reset/confirm", json={"token": token, "new_password": password})


async def test_a_forgotten_password_is_set_anew_and_every_session_ends(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    before = await login(user)
    assert (await ask(client, "ALICE@example.com")).status_code == 202
    (mail,) = await outbox()
    assert mail["To"] == "alice@example.com"
    assert link_in(mail).startswith("http://127.0.0.1:8000/account/reset-password?token=")

    assert (await reset(client, token_in(mail))).status_code == 204

    assert (await client.get("/users/me", headers=before)).status_code == 401
    me = (await client.get("/users/me", headers=await login(user, NEW))).json()
    assert me["email_verified"] is True, "the mail has arrived"
    assert (await client.post("/token", data={"username": "alice", "password": PASSWORD})).status_code == 401
    _, told = await outbox()
    assert (told["To"], told["Subject"]) == ("alice@example.com", "Your password was changed")


async def test_a_link_works_once(client: AsyncClient, user: User, outbox: Outbox) -> None:
    await ask(client)
    (mail,) = await outbox()
    await reset(client, token_in(mail))

    again = await reset(client, token_in(mail), "another new one")

    assert again.status_code == 400
    page = await client.post(
        "/account/reset-password", data={"token": token_in(mail), "new_password": NEW, "repeated": NEW}
    )
    assert (page.status_code, "no longer valid" in page.text) == (400, True)


async def test_even_the_same_password_uses_up_the_link(client: AsyncClient, user: User, outbox: Outbox) -> None:
    await ask(client)
    (mail,) = await outbox()

    assert [(await reset(client, token_in(mail), PASSWORD)).status_code for _ in range(2)] == [204, 400]


async def test_a_known_and_an_unknown_address_are_answered_alike(
    client: AsyncClient, user: User, outbox: Outbox
) -> None:
    known, unknown = await ask(client), await ask(client, "nobody@example.com")

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"null")
    assert known.headers.keys() == unknown.headers.keys()
    assert [mail["To"] for mail in await outbox()] == ["alice@example.com"]


async def test_a_flood_sends_five_mails_an_hour(client: AsyncClient, user: User, outbox: Outbox) -> None:
    """Also for an address that nobody has: the refusal reveals nothing."""
    for email in ("alice@example.com", "nobody@example.com"):
        answers = [await ask(client, email) for _ in range(20)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 15
        assert 3590 <= int(answers[-1].headers["Retry-After"]) <= 3600
    assert len(await outbox()) == 5


async def test_a_disabled_user_gets_no_mail(client: AsyncClient, db: AsyncSession, user: User, outbox: Outbox) -> None:
    user.disabled = True
    await db.commit()

    assert (await ask(client)).status_code == 202
    assert await outbox() == []


async def test_who_was_invited_sets_the_first_password(
    client: AsyncClient, db: AsyncSession, user: User, login: Login, outbox: Outbox
) -> None:
    user.hashed_password = UNUSABLE
    await db.commit()
    await ask(client)
    (mail,) = await outbox()

    assert (await reset(client, token_in(mail))).status_code == 204
    assert await login(user, NEW)


async def test_a_weak_password_leaves_the_link_usable(client: AsyncClient, user: User, outbox: Outbox) -> None:
    await ask(client)
    (mail,) = await outbox()

    weak = await reset(client, token_in(mail), "1234567")

    assert weak.status_code == 422
    assert {fault["type"] for fault in weak.json()["detail"]} >= {"password_too_short", "password_too_common"}
    assert (await reset(client, token_in(mail))).status_code == 204


@pytest.mark.parametrize(("minutes", "status"), [(59, 204), (60, 400)])
async def test_a_link_works_for_an_hour(
    client: AsyncClient, application: FastAPI, user: User, minutes: int, status: int
) -> None:
    made = datetime.now(UTC) - timedelta(minutes=minutes)
    token = application.state.password_reset_tokens.create(user, user.email, made)

    assert (await reset(client, token)).status_code == status


@pytest.mark.parametrize("change", ["email", "password"])
async def test_a_change_makes_the_link_void(
    client: AsyncClient, db: AsyncSession, user: User, outbox: Outbox, change: str
) -> None:
    await ask(client)
    (mail,) = await outbox()
    if change == "email":
        user.email = "new@example.com"
    else:
        user.hashed_password = PASSWORD_HASH[:-1] + "x"
    await db.commit()

    assert (await reset(client, token_in(mail))).status_code == 400


async def test_a_login_that_replaces_an_old_hash_leaves_the_link_valid(
    client: AsyncClient, db: AsyncSession, user: User, login: Login, outbox: Outbox
) -> None:
    user.hashed_password = get_password_hash(PASSWORD, rounds=5)
    await db.commit()
    await ask(client)
    (mail,) = await outbox()

    await login(user)

    await db.refresh(user)
    assert ",r=4$" in user.hashed_password
    assert (await reset(client, token_in(mail))).status_code == 204


# The pages.


async def test_the_pages_do_it_without_a_front_end(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    assert (await client.get("/account/forgot-password")).status_code == 200
    asked = await client.post("/account/forgot-password", data={"email": "alice@example.com"})
    assert (asked.status_code, "alice@example.com" in asked.text) == (200, True)
    (mail,) = await outbox()
    form = {"token": token_in(mail), "new_password": NEW, "repeated": NEW}

    opened = await client.get("/account/reset-password", params={"token": token_in(mail)})
    assert (opened.status_code, token_in(mail) in opened.text) == (200, True)
    differing = await client.post("/account/reset-password", data=form | {"repeated": "another"})
    assert (differing.status_code, "The two passwords differ" in differing.text) == (422, True)
    weak = await client.post("/account/reset-password", data=form | {"new_password": "12345", "repeated": "12345"})
    assert (weak.status_code, "This password is too short" in weak.text) == (422, True)
    assert "12345" not in weak.text

    done = await client.post("/account/reset-password", data=form)
    assert (done.status_code, "New password set" in done.text) == (200, True)
    assert await login(user, NEW)
    used = await client.get("/account/reset-password", params={"token": token_in(mail)})
    assert (used.status_code, "no longer valid" in used.text) == (400, True)


async def test_a_token_is_shown_as_text(client: AsyncClient) -> None:
    form = {"token": '"><script>alert(1)</script>', "new_password": NEW, "repeated": "another"}
    page = await client.post("/account/reset-password", data=form)

    assert "&lt;script&gt;alert" in page.text
    assert "<script>alert" not in page.text
    assert page.headers["Referrer-Policy"] in ("same-origin", "no-referrer")


async def test_a_reset_token_opens_nothing_else(client: AsyncClient, user: User, outbox: Outbox) -> None:
    await ask(client)
    (mail,) = await outbox()

    assert (await client.get("/users/me", headers=bearer(token_in(mail)))).status_code == 401
