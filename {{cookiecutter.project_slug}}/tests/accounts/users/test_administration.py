"""What a user may do with the accounts of others, over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.errors import NotAllowed
from app.accounts.models import Group, User
from app.accounts.permissions.granting import Operator
from app.accounts.use_cases import UseCases
from app.accounts.users.schemas import UserUpdate
from app.core.db import declared_permissions
from tests.conftest import PASSWORD_HASH, Allow, Login, save

Headers = dict[str, str]

NOBODY = "c0ffee00-0000-4000-8000-000000000000"


@pytest.fixture
async def staff(db: AsyncSession, allow: Allow, login: Login) -> Headers:
    """The headers of a user who may only view, change and delete users."""
    manager = User(username="manager", email="manager@example.com", hashed_password=PASSWORD_HASH, is_staff=True)
    await save(db, manager)
    await allow(manager, "accounts.view_user", "accounts.change_user", "accounts.delete_user")
    return await login(manager)


@pytest.fixture
async def superuser(admin: User, login: Login) -> Headers:
    return await login(admin)


async def patch(client: AsyncClient, headers: Headers, user: User, **changes: Any) -> Response:
    return await client.patch(f"/users/{user.id}", headers=headers, json=changes)


async def test_one_user_is_read(client: AsyncClient, user: User, superuser: Headers) -> None:
    answer = await client.get(f"/users/{user.id}", headers=superuser)

    assert answer.status_code == 200
    assert answer.json()["username"] == "alice"
    assert "hashed_password" not in answer.json()


async def test_a_user_who_is_not_there_is_404(client: AsyncClient, superuser: Headers) -> None:
    answers = [await client.request(method, f"/users/{uuid4()}", headers=superuser, json={}) for method in METHODS]

    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {(404, "This user does not exist")}


METHODS = ("GET", "PATCH", "DELETE")


async def test_what_is_left_out_stays(client: AsyncClient, user: User, superuser: Headers) -> None:
    before = (await patch(client, superuser, user, full_name="Alice", is_staff=True)).json()

    after = (await patch(client, superuser, user, is_staff=False, full_name=None)).json()

    assert after == before | {"is_staff": False}


async def test_disabling_logs_out_at_once(client: AsyncClient, user: User, staff: Headers, login: Login) -> None:
    theirs = await login(user)

    assert (await patch(client, staff, user, disabled=True)).json()["disabled"] is True

    assert (await client.get("/users/me", headers=theirs)).status_code == 401
    await patch(client, staff, user, disabled=False)
    assert (await client.get("/users/me", headers=theirs)).status_code == 401, "the session is over for good"


async def test_nobody_enables_a_user_with_rights_that_they_lack(
    client: AsyncClient, db: AsyncSession, user: User, staff: Headers, superuser: Headers, allow: Allow
) -> None:
    await allow(user, "accounts.add_group")
    user.disabled = True
    await db.commit()

    refused = await patch(client, staff, user, disabled=False)

    assert (refused.status_code, refused.json()) == (403, {"detail": "You do not have: accounts.add_group"})
    assert (await patch(client, staff, user, full_name="Alice")).json()["disabled"] is True
    assert (await patch(client, superuser, user, disabled=False)).json()["disabled"] is False
    assert (await patch(client, staff, user, disabled=False)).status_code == 200, "nothing to restore"


async def test_only_staff_enable_staff(
    client: AsyncClient, db: AsyncSession, user: User, allow: Allow, login: Login
) -> None:
    await allow(user, "accounts.change_user")
    other = User(username="bob", email="bob@example.com", hashed_password=PASSWORD_HASH, is_staff=True, disabled=True)
    await save(db, other)

    answer = await patch(client, await login(user), other, disabled=False)

    assert (answer.status_code, answer.json()["detail"]) == (403, "Only staff can enable staff")


async def test_groups_give_and_take(client: AsyncClient, user: User, superuser: Headers, login: Login) -> None:
    group = await client.post("/groups", headers=superuser, json={"name": "x", "permissions": ["accounts.view_user"]})

    await patch(client, superuser, user, groups=[group.json()["id"]])
    me = (await client.get("/users/me", headers=await login(user))).json()
    assert (me["groups"], me["permissions"]) == (["x"], ["accounts.view_user"])

    await patch(client, superuser, user, groups=[])
    assert (await client.get("/users/me", headers=await login(user))).json()["permissions"] == []


@pytest.mark.parametrize("changes", [{"username": "new"}, {"id": NOBODY}, {"hashed_password": "x"}])
async def test_nothing_else_can_be_set(
    client: AsyncClient, db: AsyncSession, user: User, superuser: Headers, changes: dict[str, str]
) -> None:
    before = (await client.get(f"/users/{user.id}", headers=superuser)).json()

    assert (await patch(client, superuser, user, **changes)).json() == before
    await db.refresh(user)
    assert user.hashed_password == PASSWORD_HASH


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_superuser": True}, "Only a superuser can make a superuser"),
        ({"groups": ["more"]}, "You do not have: accounts.add_group"),
    ],
)
async def test_nobody_grants_what_he_does_not_hold(
    client: AsyncClient, admin: User, user: User, allow: Allow, staff: Headers, changes: dict[str, Any], said: str
) -> None:
    more = await allow(admin, "accounts.add_group", "accounts.view_user")
    if "groups" in changes:
        changes = {"groups": [str(more.id)]}

    answer = await patch(client, staff, user, **changes)

    assert (answer.status_code, answer.json()) == (403, {"detail": said})


async def test_who_is_no_staff_makes_no_staff(
    client: AsyncClient, db: AsyncSession, user: User, allow: Allow, login: Login
) -> None:
    await allow(user, "accounts.change_user")
    other = await save(db, User(username="bob", email="bob@example.com", hashed_password=PASSWORD_HASH))

    answer = await patch(client, await login(user), other, is_staff=True)

    assert (answer.status_code, answer.json()["detail"]) == (403, "Only staff can make a user staff")


async def test_nobody_raises_himself(client: AsyncClient, db: AsyncSession, staff: Headers, allow: Allow) -> None:
    manager = await db.scalar(select(User).where(User.username == "manager"))
    assert manager is not None

    assert (await patch(client, staff, manager, is_superuser=True)).status_code == 403


@pytest.mark.parametrize("changes", [{"full_name": "x"}, {"disabled": True}, {"is_superuser": False}])
async def test_only_a_superuser_changes_a_superuser(
    client: AsyncClient, admin: User, staff: Headers, changes: dict[str, Any]
) -> None:
    answer = await patch(client, staff, admin, **changes)

    assert (answer.status_code, answer.json()["detail"]) == (403, "Only a superuser can change a superuser")
    assert (await client.delete(f"/users/{admin.id}", headers=staff)).status_code == 403


@pytest.mark.parametrize("changes", [{"is_superuser": False}, {"disabled": True}])
async def test_the_last_superuser_stays(
    client: AsyncClient, db: AsyncSession, admin: User, superuser: Headers, changes: dict[str, Any]
) -> None:
    answer = await patch(client, superuser, admin, **changes)

    assert (answer.status_code, answer.json()["detail"]) == (409, "This is the last superuser. Make another one first")
    await db.refresh(admin)
    assert (admin.is_superuser, admin.disabled) == (True, False)
    assert (await client.get("/users/me", headers=superuser)).status_code == 200
    assert (await client.delete(f"/users/{admin.id}", headers=superuser)).status_code == 409


async def test_a_disabled_superuser_does_not_count(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, superuser: Headers
) -> None:
    await db.execute(update(User).where(User.id == user.id).values(is_superuser=True, disabled=True))
    await db.commit()

    assert (await patch(client, superuser, admin, is_superuser=False)).status_code == 409
    assert (await client.delete(f"/users/{user.id}", headers=superuser)).status_code == 204


async def test_two_superusers_who_remove_each_other_at_once_do_not_both_succeed(
    client: AsyncClient, db: AsyncSession, user: User, admin: User, login: Login
) -> None:
    await db.execute(update(User).where(User.id == user.id).values(is_superuser=True))
    await db.commit()
    headers = await login(user), await login(admin)

    answers = await asyncio.gather(
        patch(client, headers[0], admin, is_superuser=False), patch(client, headers[1], user, is_superuser=False)
    )

    left = await db.scalars(select(User.id).where(User.is_superuser))
    assert len(left.all()) == 1, [answer.text for answer in answers]


async def test_a_deleted_user_is_out_at_once(client: AsyncClient, user: User, staff: Headers, login: Login) -> None:
    theirs = await login(user)

    assert (await client.delete(f"/users/{user.id}", headers=staff)).status_code == 204

    assert (await client.get("/users/me", headers=theirs)).status_code == 401
    assert (await client.delete(f"/users/{user.id}", headers=staff)).status_code == 404


@pytest.mark.parametrize("changes", [{"groups": [NOBODY]}, {"groups": ["x"]}, {"full_name": "a\0b"}])
async def test_what_cannot_be_is_422(
    client: AsyncClient, user: User, superuser: Headers, changes: dict[str, Any]
) -> None:
    answer = await patch(client, superuser, user, **changes)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(changes))]


async def test_a_user_who_is_changed_and_deleted_at_once_is_no_error_of_ours(
    client: AsyncClient, user: User, superuser: Headers
) -> None:
    answers = await asyncio.gather(
        *(patch(client, superuser, user, full_name=f"Alice {number}") for number in range(5)),
        client.delete(f"/users/{user.id}", headers=superuser),
        client.delete(f"/users/{user.id}", headers=superuser),
    )

    assert {answer.status_code for answer in answers} <= {200, 204, 404, 409}


# Groups.


async def test_a_group_is_made_read_changed_and_deleted(client: AsyncClient, superuser: Headers) -> None:
    made = await client.post("/groups", headers=superuser, json={"name": "x", "permissions": ["accounts.view_user"]})
    assert made.status_code == 201
    path = f"/groups/{made.json()['id']}"
    assert (await client.get(path, headers=superuser)).json() == made.json()

    changed = await client.patch(path, headers=superuser, json={"name": "y"})
    assert changed.json() == made.json() | {"name": "y"}
    changed = await client.patch(path, headers=superuser, json={"permissions": ["accounts.add_user"]})
    assert changed.json() == made.json() | {"name": "y", "permissions": ["accounts.add_user"]}
    listed = (await client.get("/groups", headers=superuser)).json()
    assert (listed["items"], listed["total"]) == ([changed.json()], 1)

    assert (await client.delete(path, headers=superuser)).status_code == 204
    assert (await client.get(path, headers=superuser)).status_code == 404


async def test_a_group_gets_nothing_that_its_maker_does_not_hold(
    client: AsyncClient, db: AsyncSession, user: User, allow: Allow, login: Login
) -> None:
    own = await allow(user, "accounts.add_group", "accounts.change_group")
    headers = await login(user)
    more = {"name": "x", "permissions": ["accounts.add_group", "accounts.delete_user"]}

    for answer in (
        await client.post("/groups", headers=headers, json=more),
        await client.patch(f"/groups/{own.id}", headers=headers, json=more),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (403, "You do not have: accounts.delete_user")
    assert len((await db.scalars(select(Group))).all()) == 1


async def test_a_groups_name_is_its_own(client: AsyncClient, superuser: Headers) -> None:
    names = ["x", "y", "x"]
    answers = [await client.post("/groups", headers=superuser, json={"name": name}) for name in names]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    renamed = await client.patch(f"/groups/{answers[1].json()['id']}", headers=superuser, json={"name": "x"})
    assert (renamed.status_code, renamed.json()) == (409, {"detail": "Another group has this name"})


@pytest.mark.parametrize(
    "group",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x", "permissions": ["accounts.fly"]},
        {"name": "x" * 151},
    ],
)
async def test_a_group_that_cannot_be_is_422(client: AsyncClient, superuser: Headers, group: dict[str, Any]) -> None:
    assert (await client.post("/groups", headers=superuser, json=group)).status_code == 422


async def test_permissions_are_those_of_the_models(client: AsyncClient, superuser: Headers) -> None:
    answer = await client.get("/permissions", headers=superuser, params={"limit": 100})

    names, count = answer.json()["items"], answer.json()["total"]
    assert {"accounts.view_user", "accounts.delete_session"} <= set(names)
    assert (names, count) == (sorted(names), len(declared_permissions()))


async def test_only_staff_sets_the_password_of_staff(accounts: UseCases, db: AsyncSession, user: User) -> None:
    """The admin site admits only staff, but the rule does not rely on that."""
    user.is_staff = True
    await db.commit()
    actor = Operator(is_staff=False, is_superuser=False, permissions=declared_permissions())

    with pytest.raises(NotAllowed, match="Only staff can set the password of staff"):
        await accounts.update_user(actor, user.id, UserUpdate(), "a new one of theirs")
