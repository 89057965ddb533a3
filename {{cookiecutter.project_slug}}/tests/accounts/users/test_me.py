import asyncio

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import Engine, event

from app.accounts.authentication import current_user
from app.accounts.fields import OWN_FIELDS
from app.accounts.models import User
from app.core.db import declared_permissions
from tests.conftest import PASSWORD, Allow, Login


async def test_me_tells_who_is_logged_in(client: AsyncClient, admin: User, login: Login) -> None:
    answer = await client.get("/users/me", headers=await login(admin))

    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("date_joined").endswith("Z")
    assert body.pop("last_login").endswith("Z")
    assert {name: value for name, value in body.items() if name not in OWN_FIELDS} == {
        "id": str(admin.id),
        "username": "root",
        "email": "root@example.com",
        "email_verified": False,
        "full_name": "",
        "disabled": False,
        "is_staff": True,
        "is_superuser": True,
        "groups": [],
        "permissions": sorted(declared_permissions()),
    }


async def test_me_asks_the_database_once(client: AsyncClient, user: User, login: Login) -> None:
    headers, asked = await login(user), list[str]()

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert (await client.get("/users/me", headers=headers)).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) == 1


@pytest.mark.parametrize("by", [1, 6])
async def test_the_order_of_the_columns_does_not_matter(
    client: AsyncClient,
    admin: User,
    user: User,
    login: Login,
    allow: Allow,
    by: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a change of the select could turn a user into a superuser."""
    await allow(user, "accounts.view_user")
    for caller in (admin, user):
        headers = await login(caller)
        before = (await client.get("/users/me", headers=headers)).json()
        with monkeypatch.context() as patch:
            query = current_user.current_user_query
            columns = list(query.selected_columns)
            moved = query.with_only_columns(*columns[by:], *columns[:by], maintain_column_froms=True)
            patch.setattr(current_user, "current_user_query", moved)

            answer = await client.get("/users/me", headers=headers)

        assert answer.json() == before
        assert before["id"] == str(caller.id)


async def test_a_user_changes_their_name(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    changed = await client.patch("/users/me", headers=headers, json={"full_name": "Alice Liddell"})
    left = await client.patch("/users/me", headers=headers, json={"full_name": None})

    assert (changed.status_code, changed.json()["full_name"]) == (200, "Alice Liddell")
    assert left.json() == changed.json() == (await client.get("/users/me", headers=headers)).json()


NEW = "an entirely new one"


async def change_password(client: AsyncClient, headers: dict[str, str], current: str, new: str) -> Response:
    body = {"current_password": current, "new_password": new}
    return await client.post("/users/me/password", headers=headers, json=body)


async def test_a_new_password_ends_every_other_session(client: AsyncClient, user: User, login: Login) -> None:
    mine, other = await login(user), await login(user)

    assert (await change_password(client, mine, PASSWORD, NEW)).status_code == 204

    assert (await client.get("/users/me", headers=mine)).status_code == 200
    assert (await client.get("/users/me", headers=other)).status_code == 401
    assert await login(user, NEW)


async def test_a_wrong_password_changes_nothing(client: AsyncClient, user: User, login: Login) -> None:
    mine, other = await login(user), await login(user)

    answer = await change_password(client, mine, "wrong", NEW)

    assert (answer.status_code, answer.json()) == (400, {"detail": "The password is wrong"})
    assert (await client.get("/users/me", headers=other)).status_code == 200
    assert await login(user)


async def test_a_weak_password_is_told_with_all_its_faults(client: AsyncClient, user: User, login: Login) -> None:
    answer = await change_password(client, await login(user), PASSWORD, "1234567")

    assert answer.status_code == 422
    assert {(fault["type"], *fault["loc"]) for fault in answer.json()["detail"]} == {
        ("password_too_short", "body", "new_password"),
        ("password_too_common", "body", "new_password"),
        ("password_entirely_numeric", "body", "new_password"),
    }


async def test_wrong_passwords_count_as_failed_logins(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    statuses = [(await change_password(client, headers, "wrong", NEW)).status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]
    refused = await client.post("/token", data={"username": "alice", "password": PASSWORD})
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    deletion = await client.request("DELETE", "/users/me", headers=headers, json={"password": PASSWORD})
    assert deletion.status_code == 429


async def test_two_new_passwords_at_once_do_not_both_count(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    answers = await asyncio.gather(
        *(change_password(client, headers, PASSWORD, f"{NEW} {number}") for number in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400]


async def test_an_account_is_deleted_by_its_password(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    wrong = await client.request("DELETE", "/users/me", headers=headers, json={"password": "wrong"})
    assert (wrong.status_code, (await client.get("/users/me", headers=headers)).status_code) == (400, 200)
    right = await client.request("DELETE", "/users/me", headers=headers, json={"password": PASSWORD})
    assert (right.status_code, (await client.get("/users/me", headers=headers)).status_code) == (204, 401)


async def test_the_last_superuser_cannot_delete_himself(client: AsyncClient, admin: User, login: Login) -> None:
    answer = await client.request("DELETE", "/users/me", headers=await login(admin), json={"password": PASSWORD})

    assert answer.status_code == 409
