import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from tests.conftest import PASSWORD, Allow, ClientWith, Login, Outbox
from tests.mails import link_in

NEW = {"username": "bob", "email": "bob@example.com", "password": "a wholly new one", "full_name": "Bob Ross"}


async def register(client: AsyncClient, headers: dict[str, str] | None = None, /, **changes: Any) -> Response:
    return await client.post("/users", headers=headers, json=NEW | changes)


async def test_anybody_can_make_an_account(client: AsyncClient, outbox: Outbox) -> None:
    answer = await register(client)

    assert answer.status_code == 201
    body = answer.json()
    assert (body["username"], body["email"], body["full_name"]) == ("bob", "bob@example.com", "Bob Ross")
    assert (body["email_verified"], body["groups"], body["permissions"]) == (False, [], [])
    assert "password" not in answer.text
    login = await client.post("/token", data={"username": "bob", "password": NEW["password"]})
    assert login.status_code == 200
    (mail,) = await outbox()
    assert (mail["To"], mail["Subject"]) == ("bob@example.com", "Confirm your e-mail address")


async def test_nothing_in_the_body_raises_rights(client: AsyncClient) -> None:
    raised = {
        "is_superuser": True,
        "is_staff": True,
        "disabled": False,
        "email_verified": True,
        "groups": ["admins"],
        "permissions": ["accounts.view_user"],
        "id": "6f1b1c9e-0000-4000-8000-000000000000",
        "hashed_password": "!",
    }

    body = (await register(client, **raised)).json()

    assert (body["is_superuser"], body["is_staff"], body["email_verified"]) == (False, False, False)
    assert (body["groups"], body["permissions"]) == ([], [])
    assert body["id"] != raised["id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"username": "ALICE"}, "username"), ({"email": "Alice@EXAMPLE.com"}, "email")],
)
async def test_names_are_taken_regardless_of_case(
    client: AsyncClient, user: User, outbox: Outbox, changes: dict[str, str], field: str
) -> None:
    answer = await register(client, **changes)

    assert (answer.status_code, answer.json()) == (409, {"detail": f"Another user has this {field}"})
    assert await outbox() == []


async def test_of_many_at_once_one_gets_the_name(client: AsyncClient, db: AsyncSession) -> None:
    answers = await asyncio.gather(
        *(
            register(client, email=f"bob{number}@example.com", username=["bob", "Bob"][number % 2])
            for number in range(8)
        )
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    assert len((await db.scalars(select(User))).all()) == 1


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"username": "a@b"}, ["body", "username"]),
        ({"username": ""}, ["body", "username"]),
        ({"username": "bob\n"}, ["body", "username"]),
        ({"username": "ﬀ"}, ["body", "username"]),
        ({"username": "x" * 151}, ["body", "username"]),
        ({"email": "nowhere"}, ["body", "email"]),
        ({"email": "=?utf-8?q?all=40evil.example=3e?=@example.com"}, ["body", "email"]),
        ({"email": "bob@example.com\nBcc: all@example.com"}, ["body", "email"]),
        ({"full_name": "Bob\0"}, ["body", "full_name"]),
        ({"full_name": "Bob\r\nBcc: x"}, ["body", "full_name"]),
        ({"full_name": "x" * 151}, ["body", "full_name"]),
        ({"password": "with\0nul in it"}, ["body", "password"]),
        ({"password": "half a character \ud800"}, ["body", "password"]),
        ({"full_name": "half a character \ud800"}, ["body", "full_name"]),
        ({"password": "bob@example"}, ["body", "password"]),
        ({"password": "x" * 129}, ["body", "password"]),
        ({"password": ""}, ["body", "password"]),
        ({"password": None}, ["body", "password"]),
    ],
)
async def test_what_cannot_be_is_422(
    client: AsyncClient, db: AsyncSession, changes: dict[str, str], location: list[str]
) -> None:
    body = json.dumps(NEW | changes).encode()  # ASCII: httpx could not send half a character by itself
    answer = await client.post("/users", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert {tuple(fault["loc"]) for fault in answer.json()["detail"]} == {tuple(location)}
    assert (await db.scalars(select(User))).all() == []


async def test_a_closed_registration_is_403(client_with: ClientWith) -> None:
    client = await client_with(registration_open=False)

    answer = await register(client)

    assert (answer.status_code, answer.json()) == (403, {"detail": "Registration is closed"})


@pytest.mark.parametrize("open_", [True, False])
async def test_who_may_add_users_invites_them(
    client_with: ClientWith, client: AsyncClient, user: User, allow: Allow, login: Login, open_: bool
) -> None:
    """The new user gets a mail with a link to set a password, even if registration is closed."""
    await allow(user, "accounts.add_user")
    other = await client_with(registration_open=open_)

    answer = await register(other, await login(user), password=None)

    assert answer.status_code == 201
    login_without = await client.post("/token", data={"username": "bob", "password": "!"})
    assert login_without.status_code == 401
    (mail,) = await Outbox(other)()
    assert (mail["To"], "/account/reset-password?token=" in link_in(mail)) == ("bob@example.com", True)


async def test_who_may_not_add_users_registers_as_anybody(client_with: ClientWith, user: User, login: Login) -> None:
    client = await client_with(registration_open=False)

    assert (await register(client, await login(user))).status_code == 403


async def test_a_token_that_is_not_valid_is_still_refused(client: AsyncClient) -> None:
    assert (await register(client, {"Authorization": "Bearer x.y.z"})).status_code == 401


async def test_registrations_are_throttled(client: AsyncClient, outbox: Outbox) -> None:
    """Five for one address, fifty for one client. This also stops a search for taken addresses."""
    taken = [(await register(client, username=f"bob{number}")).status_code for number in range(6)]
    assert taken == [201, 409, 409, 409, 409, 429]

    others = [
        (await register(client, username=f"u{number}", email=f"u{number}@example.com")).status_code
        for number in range(46)
    ]
    assert others == [201] * 45 + [429]
    assert len(await outbox()) == 46


async def test_a_stranger_who_registers_with_an_address_does_not_keep_its_owner_from_a_new_password(
    client: AsyncClient, user: User, outbox: Outbox, login: Login
) -> None:
    headers = await login(user)
    taken = [(await register(client, email="alice@example.com")).status_code for _ in range(6)]
    assert taken == [409] * 5 + [429]

    assert (await client.post("/password-reset", json={"email": "alice@example.com"})).status_code == 202
    assert (await client.post("/email-verification", headers=headers)).status_code == 202
    assert len(await outbox()) == 2


async def test_the_log_names_the_setting_that_refuses(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(6):
        await register(client, username=f"bob{number}")
        await client.post("/token", data={"username": "nobody", "password": "wrong"})

    refusals = [message for message in caplog.messages if "refuses" in message]
    assert refusals == [
        "MAIL_THROTTLE refuses a client at 127.0.0.1 for 3600 s.",
        "LOGIN_THROTTLE refuses a client at 127.0.0.1 for 900 s.",
    ]


async def test_a_password_that_is_refused_is_no_mail(client: AsyncClient) -> None:
    refused = [(await register(client, password="12345678")).status_code for _ in range(6)]
    assert refused == [422] * 6

    assert (await register(client)).status_code == 201


async def test_an_invitation_is_not_held_back_by_the_clients_other_mails(
    client: AsyncClient, admin: User, login: Login, outbox: Outbox
) -> None:
    headers = await login(admin)
    statuses = {
        (
            await register(client, headers, username=f"u{number}", email=f"u{number}@example.com", password=None)
        ).status_code
        for number in range(60)
    }

    assert statuses == {201}
    assert len(await outbox()) == 60


async def test_the_password_of_who_registers_is_the_one_he_chose(client: AsyncClient, user: User) -> None:
    await register(client)

    assert (await client.post("/token", data={"username": "bob", "password": PASSWORD})).status_code == 401
