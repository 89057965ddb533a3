"""The use cases as other apps, commands and tasks call them: without a request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.accounts import (
    InvalidCredentials,
    InvalidRefreshToken,
    NotAllowed,
    NotFound,
    UseCases,
    User,
    UserRegister,
    open_accounts,
)
from app.core.web import Throttled
from tests.conftest import PASSWORD, ClientWith, bearer

NEW = UserRegister(username="bob", email="bob@example.com", password=PASSWORD)


async def test_a_user_registers_logs_in_goes_on_and_logs_out(client: AsyncClient, application: FastAPI) -> None:
    async with open_accounts(application) as accounts:
        registered = await accounts.register(NEW)
        user, token = await accounts.log_in("bob@example.com", PASSWORD)
        token = await accounts.refresh(token.refresh_token)
        (session,) = await accounts.list_sessions(user.id)
        seen = await client.get("/users/me", headers=bearer(token.access_token))
        await accounts.end_session(user.id, session.id)
        with pytest.raises(InvalidRefreshToken):
            await accounts.refresh(token.refresh_token)
        with pytest.raises(NotFound, match="You do not have this session"):
            await accounts.end_session(user.id, session.id)

    assert registered.id == user.id
    assert seen.json()["username"] == "bob"
    assert (await client.get("/users/me", headers=bearer(token.access_token))).status_code == 401


async def test_an_app_that_knows_its_user_starts_a_session(client: AsyncClient, accounts: UseCases, user: User) -> None:
    token = await accounts.start_session(user.id)

    assert (await client.get("/users/me", headers=bearer(token.access_token))).status_code == 200


async def test_the_clock_is_the_callers(accounts: UseCases, user: User) -> None:
    _, token = await accounts.log_in("alice", PASSWORD)
    later = replace(accounts, now=lambda: datetime.now(UTC) + timedelta(days=15))

    assert not await later.list_sessions(user.id)
    with pytest.raises(InvalidRefreshToken):
        await later.refresh(token.refresh_token)


@pytest.mark.usefixtures("client")
async def test_failures_count_here_too(accounts: UseCases, user: User) -> None:
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await accounts.log_in("alice", "wrong")
    with pytest.raises(Throttled):
        await accounts.log_in("alice", PASSWORD)


async def test_closed_registration_is_closed_for_all(client_with: ClientWith) -> None:
    client = await client_with(registration_open=False)

    async with open_accounts(client.app) as accounts:
        with pytest.raises(NotAllowed, match="Registration is closed"):
            await accounts.register(NEW)
