from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.accounts import User
from app.members import apps
from tests import websockets
from tests.conftest import PASSWORD
from tests.websockets import REFUSED

NEW = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}


@pytest.fixture
def problems(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite sets the format that its tests assert."""
    monkeypatch.setattr(application.state, "error_format", None)
    apps.ready(application)


async def log_in(client: AsyncClient) -> dict[str, str]:
    answer = await client.post("/members/login", json={"email": "alice@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Token {answer.json()['token']}"}


async def test_a_member_logs_in_with_json(client: AsyncClient, user: User) -> None:
    headers = await log_in(client)

    assert (await client.get("/members/me", headers=headers)).json()["username"] == "alice"
    assert (await client.get("/users/me", headers=headers)).json()["username"] == "alice"
    assert (await client.get("/members/greeting", headers=headers)).json() == "Hello, alice!"
    assert (await client.delete("/members/motto", headers=headers)).status_code == 403


async def test_a_member_registers_and_is_logged_in(client: AsyncClient, outbox: Any) -> None:
    answer = await client.post("/members", json=NEW)

    assert answer.status_code == 201
    headers = {"Authorization": f"Token {answer.json()['token']}"}
    assert (await client.get("/members/me", headers=headers)).json()["email"] == "bob@example.com"
    assert [mail["To"] for mail in await outbox()] == ["bob@example.com"]


async def test_strangers_see_what_is_for_all(client: AsyncClient) -> None:
    assert (await client.get("/members/greeting")).json() == "Hello, stranger!"
    assert (await client.get("/members/motto")).json() == "Simple beats clever."
    assert (await client.get("/members/greeting", headers={"Authorization": "Token x"})).status_code == 401


async def test_a_websocket_knows_the_member(client: AsyncClient, application: FastAPI, user: User) -> None:
    accepted, text, closed = await websockets.call(application, "/members/live", await log_in(client))

    assert (accepted["type"], text["text"], closed["code"]) == ("websocket.accept", "alice", 1000)
    for headers in ({}, {"Authorization": "Token x"}):
        assert await websockets.call(application, "/members/live", headers) == [REFUSED]


@pytest.mark.usefixtures("problems")
async def test_errors_are_problems(client: AsyncClient, user: User) -> None:
    refused = await client.post("/members/login", json={"email": "alice@example.com", "password": "wrong"})
    taken = await client.post("/members", json=NEW | {"email": "ALICE@example.com"})
    invalid = await client.post("/members", json=NEW | {"password": "12345678"})

    assert {each.headers["Content-Type"] for each in (refused, taken, invalid)} == {"application/problem+json"}
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Incorrect username or password",
        "errors": [],
    }
    assert (taken.status_code, taken.json()["detail"]) == (409, "Another user has this email")
    assert invalid.status_code == 422
    assert {"pointer": "/body/password", "detail": "This password is too common."} in invalid.json()["errors"]
