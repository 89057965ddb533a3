"""The audit log records all changes of accounts, by every way."""

from collections.abc import Sequence
from uuid import UUID

from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.audit import AuditEntry
from tests.commands import call
from tests.conftest import PASSWORD, Login

NEW_PASSWORD = "an entirely new one"


async def told(db: AsyncSession) -> Sequence[AuditEntry]:
    """Return all entries except those of the fixtures, which have no actor."""
    made = (AuditEntry.actor != "") | (AuditEntry.place != "")
    return (await db.scalars(select(AuditEntry).where(made).order_by(AuditEntry.at))).all()


async def test_who_disables_a_user_is_told(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    headers = await login(admin)
    answer = await client.patch(f"/users/{user.id}", headers=headers, json={"disabled": True})

    (entry,) = await told(db)

    assert (entry.actor_id, entry.actor, entry.place) == (admin.id, "root", "127.0.0.1")
    assert (entry.action, entry.model, entry.object_name) == ("change", "accounts.user", "alice")
    assert entry.changes == {"disabled": [False, True]}
    assert entry.request_id == answer.headers["X-Request-ID"]


async def test_logging_in_and_going_on_is_no_change(client: AsyncClient, db: AsyncSession, user: User) -> None:
    form = {"username": "alice", "password": PASSWORD}
    for _ in range(2):
        tokens = (await client.post("/token", data=form)).raise_for_status().json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    await client.post("/token", data={"username": "alice", "password": "wrong"})
    await client.post("/token/revoke", data={"token": "unknown"})

    assert await told(db) == []


async def test_a_new_password_and_the_sessions_it_ends_are_told(
    client: AsyncClient, db: AsyncSession, user: User, login: Login
) -> None:
    await login(user)
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    await client.post("/users/me/password", headers=await login(user), json=change)

    password, sessions = await told(db)

    assert (password.actor, password.object_id) == ("alice", str(user.id))
    assert password.changes == {"hashed_password": "changed"}
    assert (sessions.model, sessions.object_name) == ("accounts.session", f"1 row with user_id = {user.id}")
    assert list(sessions.changes) == ["ended_at"]


async def test_who_deletes_himself_is_told(client: AsyncClient, db: AsyncSession, user: User, login: Login) -> None:
    headers = await login(user)
    await client.request("DELETE", "/users/me", headers=headers, json={"password": PASSWORD})

    (entry,) = await told(db)

    assert (entry.actor, entry.action, entry.object_name) == ("alice", "delete", "alice")


async def test_what_is_refused_is_not_told(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    headers = await login(admin)
    answer = await client.request("DELETE", f"/users/{admin.id}", headers=headers)

    assert answer.status_code == 409
    assert await told(db) == []


async def test_one_request_is_not_taken_for_the_next(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    """Tests run all requests in one task. A logout with only a token has no name."""
    tokens = (await client.post("/token", data={"username": "alice", "password": PASSWORD})).json()
    await client.get("/users/me", headers=await login(admin))
    await client.post("/token/revoke", data={"token": tokens["refresh_token"]})

    (entry,) = await told(db)

    assert (entry.actor_id, entry.actor, entry.place) == (None, "", "127.0.0.1")
    assert (entry.model, entry.object_id) == ("accounts.session", sid(tokens))


def sid(tokens: dict[str, str]) -> str:
    identifier = tokens["refresh_token"].partition(".")[0]
    return str(UUID(hex=identifier))


async def test_commands_are_told(db: AsyncSession, user: User) -> None:
    await call("changepassword", "alice", stdin=f"{NEW_PASSWORD}\n")

    (password,) = await told(db)

    assert (password.place, password.changes) == ("command line", {"hashed_password": "changed"})
    assert password.actor
