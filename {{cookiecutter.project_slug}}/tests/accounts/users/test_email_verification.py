"""Users confirm addresses with a link from a mail: over the API, and on the pages behind the links."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.tasks import send_email_verification
from tests.conftest import PASSWORD, PASSWORD_HASH, Login, Outbox, bearer, save
from tests.mails import link_in, token_in

NEW_EMAIL = "liddell@example.com"


async def confirm(client: AsyncClient, token: str) -> Response:
    return await client.post("/email-verification/confirm", json={"token": token})


async def test_an_address_is_confirmed_once(client: AsyncClient, user: User, login: Login, outbox: Outbox) -> None:
    headers = await login(user)
    assert (await client.post("/email-verification", headers=headers)).status_code == 202
    (mail,) = await outbox()
    assert mail["To"] == "alice@example.com"
    assert link_in(mail).startswith("http://127.0.0.1:8000/account/verify-email?token=")

    assert (await confirm(client, token_in(mail))).status_code == 204

    assert (await client.get("/users/me", headers=headers)).json()["email_verified"] is True
    again = await confirm(client, token_in(mail))
    assert (again.status_code, again.json()["detail"].startswith("This link is no longer valid")) == (400, True)
    assert (await client.post("/email-verification", headers=headers)).status_code == 202
    assert len(await outbox()) == 1, "nothing is left to confirm"


async def test_the_link_is_of_our_own_name_whatever_the_host_header_says(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user) | {"Host": "127.0.0.1", "X-Forwarded-Host": "evil.example"}
    await client.post("/email-verification", headers=headers)

    (mail,) = await outbox()
    assert link_in(mail).startswith("http://127.0.0.1:8000/")


async def test_opening_the_link_changes_nothing_and_the_button_does(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)
    await client.post("/email-verification", headers=headers)
    (mail,) = await outbox()
    link = urlsplit(link_in(mail))

    opened = await client.get(f"{link.path}?{link.query}")
    assert opened.status_code == 200
    assert token_in(mail) in opened.text
    assert (await client.get("/users/me", headers=headers)).json()["email_verified"] is False

    pressed = await client.post(link.path, data={"token": token_in(mail)})
    assert (pressed.status_code, "alice@example.com is confirmed" in pressed.text) == (200, True)
    assert (await client.get("/users/me", headers=headers)).json()["email_verified"] is True
    pressed_again = await client.post(link.path, data={"token": token_in(mail)})
    opened_again = await client.get(f"{link.path}?{link.query}")
    for again in (pressed_again, opened_again):
        assert (again.status_code, "no longer valid" in again.text) == (400, True)


async def test_a_token_that_is_none_is_not_shown(client: AsyncClient) -> None:
    page = await client.get("/account/verify-email", params={"token": '"><script>alert(1)</script>'})

    assert "<script>alert" not in page.text
    assert page.headers["Referrer-Policy"] in ("same-origin", "no-referrer")


# A new address.


async def ask_for(client: AsyncClient, headers: dict[str, str], email: str, password: str = PASSWORD) -> Response:
    return await client.patch("/users/me", headers=headers, json={"email": email, "current_password": password})


async def test_a_new_address_counts_when_it_is_confirmed_and_the_old_one_is_told(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)

    answer = await ask_for(client, headers, NEW_EMAIL)

    assert (answer.status_code, answer.json()["email"]) == (200, "alice@example.com")
    (mail,) = await outbox()
    assert mail["To"] == NEW_EMAIL
    assert (await confirm(client, token_in(mail))).status_code == 204
    me = (await client.get("/users/me", headers=headers)).json()
    assert (me["email"], me["email_verified"]) == (NEW_EMAIL, True)
    _, told = await outbox()
    assert (told["To"], told["Subject"]) == ("alice@example.com", "Your e-mail address was changed")
    assert (await client.post("/token", data={"username": NEW_EMAIL, "password": PASSWORD})).status_code == 200


async def test_a_new_address_needs_the_password(client: AsyncClient, user: User, login: Login, outbox: Outbox) -> None:
    headers = await login(user)

    without = await client.patch("/users/me", headers=headers, json={"email": NEW_EMAIL, "full_name": "Alice"})
    wrong = await client.patch(
        "/users/me", headers=headers, json={"email": NEW_EMAIL, "full_name": "Alice", "current_password": "wrong"}
    )

    assert (without.status_code, wrong.status_code) == (422, 400)
    assert (await client.get("/users/me", headers=headers)).json()["full_name"] == "", "nothing was changed"
    assert await outbox() == []


async def test_a_taken_address_is_409(client: AsyncClient, user: User, admin: User, login: Login) -> None:
    assert (await ask_for(client, await login(user), "ROOT@example.com")).status_code == 409


async def test_an_address_that_was_taken_meanwhile_is_409(
    client: AsyncClient, db: AsyncSession, user: User, login: Login, outbox: Outbox
) -> None:
    await ask_for(client, await login(user), NEW_EMAIL)
    (mail,) = await outbox()
    await save(db, User(username="other", email=NEW_EMAIL.upper(), hashed_password=PASSWORD_HASH))

    assert (await confirm(client, token_in(mail))).status_code == 409
    page = await client.post("/account/verify-email", data={"token": token_in(mail)})
    assert (page.status_code, "This address is already in use" in page.text) == (409, True)


async def test_of_two_requests_for_new_addresses_one_counts(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)
    await ask_for(client, headers, "first@example.com")
    await ask_for(client, headers, "second@example.com")
    first, second = await outbox()

    assert (await confirm(client, token_in(second))).status_code == 204
    assert (await confirm(client, token_in(first))).status_code == 400


async def test_a_used_link_stays_void_when_an_earlier_address_comes_back(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)
    used = []
    for email in (NEW_EMAIL, "alice@example.com"):
        await ask_for(client, headers, email)
        used.append(token_in((await outbox())[-1]))
        assert (await confirm(client, used[-1])).status_code == 204

    assert [(await confirm(client, token)).status_code for token in used] == [400, 400]


async def test_a_link_that_is_mailed_late_is_none_if_the_password_has_changed(
    client: AsyncClient, application: FastAPI, user: User, outbox: Outbox
) -> None:
    """A thief may have requested the new address. The new password must keep the thief out."""
    await send_email_verification(application, str(user.id), NEW_EMAIL, "the state at an earlier time")

    assert await outbox() == []


async def test_a_new_password_makes_the_link_void(
    client: AsyncClient, user: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)
    await ask_for(client, headers, NEW_EMAIL)
    (mail,) = await outbox()
    body = {"current_password": PASSWORD, "new_password": "an entirely new one"}
    await client.post("/users/me/password", headers=headers, json=body)

    assert (await confirm(client, token_in(mail))).status_code == 400


@pytest.mark.parametrize("change", ["disabled", "deleted"])
async def test_who_is_gone_confirms_nothing(
    client: AsyncClient, db: AsyncSession, user: User, login: Login, outbox: Outbox, change: str
) -> None:
    await client.post("/email-verification", headers=await login(user))
    (mail,) = await outbox()
    if change == "deleted":
        await db.delete(user)
    else:
        user.disabled = True
    await db.commit()

    assert (await confirm(client, token_in(mail))).status_code == 400


# Tokens for one purpose do not work for another.


async def test_no_token_stands_in_for_another(
    client: AsyncClient, application: FastAPI, user: User, login: Login
) -> None:
    state, now = application.state, datetime.now(UTC)
    access = (await login(user))["Authorization"].removeprefix("Bearer ")
    verification = state.email_verification_tokens.create(user, user.email, now)
    reset = state.password_reset_tokens.create(user, user.email, now)

    for token in (access, reset):
        assert (await confirm(client, token)).status_code == 400
    for token in (access, verification):
        body = {"token": token, "new_password": "an entirely new one"}
        assert (await client.post("/password-reset/confirm", json=body)).status_code == 400
    for token in (verification, reset):
        assert (await client.get("/users/me", headers=bearer(token))).status_code == 401
        refresh = {"grant_type": "refresh_token", "refresh_token": token}
        assert (await client.post("/token", data=refresh)).status_code == 400


@pytest.mark.parametrize(("hours", "status"), [(23.9, 204), (24, 400), (-1, 400)])
async def test_a_link_works_for_a_day(
    client: AsyncClient, application: FastAPI, user: User, hours: float, status: int
) -> None:
    made = datetime.now(UTC) - timedelta(hours=hours)
    token = application.state.email_verification_tokens.create(user, user.email, made)

    assert (await confirm(client, token)).status_code == status


@pytest.mark.parametrize("charset", ["undefined", "utf-7", "unicode_escape"])
async def test_a_form_in_an_odd_charset_is_no_error_of_ours(client: AsyncClient, charset: str) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n+2AA- \\ud800\r\n--b--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}

    for path in (
        "/account/verify-email",
        "/account/reset-password",
        "/account/forgot-password",
        "/token",
        "/token/revoke",
    ):
        assert 400 <= (await client.post(path, content=form, headers=headers)).status_code < 500, path


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "\0", "x" * 100_000])
async def test_nonsense_is_refused(client: AsyncClient, token: str) -> None:
    assert (await confirm(client, token)).status_code in (400, 422)
    assert (await client.post("/account/verify-email", data={"token": token})).status_code in (400, 422)
