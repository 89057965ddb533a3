from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.accounts import User
from app.members import apps
from tests.conftest import PASSWORD, Login, Outbox

NEW = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}


async def log_in(client: AsyncClient, password: str = PASSWORD) -> dict[str, str]:
    login = {"email": "alice@example.com", "password": password}
    answer = await client.post("/api/users/login", json={"user": login})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Token {answer.json()['user']['token']}"}


async def test_a_member_registers_and_is_logged_in(client: AsyncClient, outbox: Outbox) -> None:
    answer = await client.post("/api/users", json={"user": NEW})

    assert answer.status_code == 201
    user = answer.json()["user"]
    headers = {"Authorization": f"Token {user['token']}"}
    assert (await client.get("/api/user", headers=headers)).json() == {"user": user}
    assert user == {"email": "bob@example.com", "username": "bob", "bio": "", "image": None, "token": user["token"]}
    assert [mail["To"] for mail in await outbox()] == ["bob@example.com"]


async def test_a_bearer_token_works_too(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    answer = await client.get("/api/user", headers=headers)

    assert f"Bearer {answer.json()['user']['token']}" == headers["Authorization"]


async def test_a_member_changes_the_profile(client: AsyncClient, user: User) -> None:
    headers = await log_in(client)
    old = (await client.get("/api/user", headers=headers)).json()["user"]
    new = old | {"bio": "I fell.", "image": "https://example.com/a.jpg"}  # front ends send all fields

    changed = await client.put("/api/user", json={"user": new}, headers=headers)
    emptied = await client.put("/api/user", json={"user": {"image": ""}}, headers=headers)

    assert changed.json()["user"] == new
    assert emptied.json()["user"] == new | {"image": None}


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"email": "new@example.com"}, 422, "current_password"),
        ({"password": "an entirely new one"}, 400, "password"),
        ({"password": "an entirely new one", "current_password": "wrong"}, 400, "password"),
        ({"username": "bob"}, 422, "username"),
        ({"image": "nowhere"}, 422, "image"),
        ({"bio": "x" * 1001}, 422, "bio"),
    ],
)
async def test_what_is_not_allowed_changes_nothing(
    client: AsyncClient, user: User, changes: dict[str, str], status: int, field: str
) -> None:
    headers = await log_in(client)

    answer = await client.put("/api/user", json={"user": {"bio": "Changed"} | changes}, headers=headers)

    assert answer.status_code == status
    assert field in answer.text
    assert (await client.get("/api/user", headers=headers)).json()["user"]["bio"] == ""


async def test_a_new_address_or_password_needs_the_old_password(
    client: AsyncClient, user: User, outbox: Outbox
) -> None:
    headers = await log_in(client)
    new = {"email": "new@example.com", "password": "an entirely new one", "current_password": PASSWORD}

    wrong = await client.put("/api/user", json={"user": {"password": new["password"]}}, headers=headers)
    changed = await client.put("/api/user", json={"user": {**new, "email": user.email}}, headers=headers)
    again = {"email": "new@example.com", "current_password": new["password"]}
    asked = await client.put("/api/user", json={"user": again}, headers=headers)

    assert [answer.status_code for answer in (wrong, changed, asked)] == [400, 200, 200]
    assert asked.json()["user"]["email"] == "alice@example.com"  # until the link in the mail is used
    assert "new@example.com" in [mail["To"] for mail in await outbox()]
    await log_in(client, new["password"])


@pytest.fixture
def own_form(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite sets the form of errors that its tests assert."""
    monkeypatch.setattr(application.state, "error_format", None, raising=False)
    apps.ready(application)


@pytest.mark.usefixtures("own_form")
@pytest.mark.parametrize(
    ("path", "body", "status", "reasons"),
    [
        ("/api/users/login", {"user": {"email": "nobody", "password": "x"}}, 401, ["Incorrect username or password"]),
        ("/api/users", {"user": NEW | {"email": "Alice@example.com"}}, 409, ["Another user has this email"]),
        ("/api/users", {}, 422, ["user: Field required"]),
        ("/api/nowhere", {}, 404, ["Not Found"]),
    ],
)
async def test_errors_have_conduits_form(
    client: AsyncClient, user: User, path: str, body: dict[str, Any], status: int, reasons: list[str]
) -> None:
    answer = await client.post(path, json=body)

    assert (answer.status_code, answer.json()) == (status, {"errors": {"body": reasons}})
