"""The pages of accounts at the admin site, over HTTP."""

import csv
import json
import re
from html import unescape
from io import StringIO
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, Permission, Session, User
from app.core.audit import AuditEntry
from tests.conftest import PASSWORD, PASSWORD_HASH, Allow, Enter, Login, Outbox, as_shown, save

NEW = {"username": "bob", "email": "bob@example.com", "full_name": "", "password": "an entirely new one"}
SAVED = 302


@pytest.fixture
async def clerk(db: AsyncSession, allow: Allow) -> User:
    """A user who may view everything but change nothing."""
    clerk = User(username="clerk", email="clerk@example.com", hashed_password=PASSWORD_HASH, is_staff=True)
    await save(db, clerk)
    await allow(clerk, *(f"accounts.view_{name}" for name in ("user", "group", "permission", "session")))
    return clerk


async def create(client: AsyncClient, **changes: str) -> Response:
    return await client.post("/admin/user/create", data={**NEW, "save": "Save", **changes})


async def edit(client: AsyncClient, user: User, **form: Any) -> Response:
    """Send the form as a browser does: missing fields are off or empty."""
    path = f"/admin/user/edit/{user.id}"
    form = {"full_name": "", "password": "", "save": "Save", **as_shown(await client.get(path)), **form}
    return await client.post(path, data=form)


def said(answer: Response) -> str:
    """Return the reason on the form."""
    match = re.search(r'role="alert">(.*?)</', answer.text, re.DOTALL)
    return unescape(match[1]) if match else ""


def shown(answer: Response) -> list[str]:
    """Return the first column of a list."""
    body = answer.text.partition("<tbody>")[2]
    return [row.split("</td>")[2].rpartition(">")[2].strip() for row in body.split("<tr>")[1:]]


async def reload(db: AsyncSession, user: User) -> User:
    await db.refresh(user)
    await db.refresh(user, ["groups"])
    return user


async def test_a_user_is_made_as_the_api_makes_one(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter, login: Login
) -> None:
    await enter(admin)

    answer = await create(client)

    assert (answer.status_code, answer.headers["Location"].endswith("/admin/user/list")) == (SAVED, True)
    bob = (await db.scalars(select(User).where(User.username == "bob"))).one()
    assert (bob.is_staff, bob.is_superuser, bob.email_verified) == (False, False, False)
    await login(bob, NEW["password"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"username": "b o b"}, "username: String should match pattern"),
        ({"username": "b@b"}, "username: String should match pattern"),
        ({"email": "nowhere"}, "email: value is not a valid email address"),
        ({"password": "short"}, "too short"),
        ({"password": "12345678901"}, "entirely numeric"),
        ({"password": "bob@example.com"}, "too similar"),
        ({"username": "ROOT"}, "Another user has this username"),
        ({"email": "Root@Example.com"}, "Another user has this email"),
        ({"full_name": "a\nb"}, "full_name: Value error, must be one line"),
    ],
)
async def test_what_is_wrong_is_said_on_the_form(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter, changes: dict[str, str], reason: str
) -> None:
    await enter(admin)

    answer = await create(client, **changes)

    assert (answer.status_code, reason in said(answer)) == (400, True), said(answer)
    assert NEW["password"] not in answer.text
    assert list(await db.scalars(select(User.username))) == ["root"]


async def test_who_is_added_without_a_password_is_mailed_a_link_to_set_one(
    client: AsyncClient, admin: User, enter: Enter, outbox: Outbox
) -> None:
    await enter(admin)

    assert (await create(client, password="")).status_code == SAVED

    (mail,) = await outbox()
    assert (mail["To"], "/account/reset-password" in str(mail)) == ("bob@example.com", True)
    assert (await enter(User(username="bob"), "")).status_code == 400


async def test_who_may_add_users_cannot_give_them_rights(
    client: AsyncClient, db: AsyncSession, clerk: User, allow: Allow, enter: Enter
) -> None:
    await allow(clerk, "accounts.add_user")
    await enter(clerk)

    assert (await create(client, is_staff="y", is_superuser="y")).status_code == SAVED

    bob = (await db.scalars(select(User).where(User.username == "bob"))).one()
    assert (bob.is_staff, bob.is_superuser) == (False, False)


async def test_a_user_is_changed(
    client: AsyncClient, db: AsyncSession, admin: User, user: User, enter: Enter, allow: Allow
) -> None:
    group = await allow(user)
    await enter(admin)
    form = (await client.get(f"/admin/user/edit/{user.id}")).text
    assert re.search(r"page-title\">alice<", form)
    assert 'type="password" value=""' in form

    answer = await edit(client, user, full_name="Alice Liddell", is_staff="y", groups=str(group.id))

    assert answer.status_code == SAVED
    alice = await reload(db, user)
    assert (alice.full_name, alice.is_staff, alice.is_superuser) == ("Alice Liddell", True, False)
    assert alice.groups == [group]
    assert (await edit(client, user)).status_code == SAVED
    assert (await reload(db, user)).groups == []


async def test_a_new_password_is_judged_ends_all_sessions_and_is_told(
    client: AsyncClient, admin: User, user: User, enter: Enter, login: Login, outbox: Outbox
) -> None:
    headers = await login(user)
    await enter(admin)
    refused = await edit(client, user, password="alice@example.com", full_name="Changed")
    assert "too similar" in said(refused)
    assert (await client.get("/users/me", headers=headers)).json()["full_name"] == ""  # all changes or none
    assert (await edit(client, user)).status_code == SAVED
    assert (await client.get("/users/me", headers=headers)).status_code == 200

    assert (await edit(client, user, password=NEW["password"])).status_code == SAVED

    assert (await client.get("/users/me", headers=headers)).status_code == 401
    await login(user, NEW["password"])
    assert [mail["To"] for mail in await outbox()] == ["alice@example.com"]


async def test_who_is_disabled_is_logged_out(
    client: AsyncClient, admin: User, user: User, enter: Enter, login: Login
) -> None:
    headers = await login(user)
    await enter(admin)

    await edit(client, user, disabled="y")

    assert (await client.get("/users/me", headers=headers)).status_code == 401


async def test_the_last_superuser_stays(client: AsyncClient, db: AsyncSession, admin: User, enter: Enter) -> None:
    await enter(admin)

    answers = [await edit(client, admin, is_staff="y"), await edit(client, admin, is_superuser="y", disabled="y")]
    deleted = await client.delete(f"/admin/user/delete?pks={admin.id}")

    assert {(answer.status_code, "last superuser" in said(answer)) for answer in answers} == {(400, True)}
    assert (deleted.status_code, deleted.text) == (409, "This is the last superuser. Make another one first")
    assert (await client.get("/admin/")).status_code == 200


@pytest.fixture
async def manager(db: AsyncSession, clerk: User, allow: Allow, enter: Enter) -> User:
    """A logged-in user who may only change users and groups."""
    names = ("change_user", "delete_user", "add_group", "change_group", "change_session")
    await allow(clerk, *(f"accounts.{name}" for name in names))
    await enter(clerk)
    return clerk


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize("form", [{"full_name": "X"}, {"password": NEW["password"]}, {"is_superuser": "y"}])
async def test_only_a_superuser_changes_a_superuser(
    client: AsyncClient, db: AsyncSession, admin: User, login: Login, form: dict[str, str]
) -> None:
    answer = await edit(client, admin, **form)

    assert said(answer) == "Only a superuser can change a superuser"
    assert (await client.delete(f"/admin/user/delete?pks={admin.id}")).status_code == 409
    await login(admin)


@pytest.mark.usefixtures("manager")
async def test_nobody_grants_what_he_does_not_hold(
    client: AsyncClient, db: AsyncSession, user: User, allow: Allow
) -> None:
    group = await allow(
        await save(db, User(username="x", email="x@example.com", hashed_password="")), "accounts.add_user"
    )
    permission = await db.scalar(select(Permission.id).where(Permission.name == "accounts.add_user"))

    refused = [
        await edit(client, user, groups=str(group.id)),
        await client.post("/admin/group/create", data={"name": "y", "permissions": str(permission), "save": "Save"}),
    ]

    assert [said(answer) for answer in refused] == ["You do not have: accounts.add_user"] * 2
    assert said(await edit(client, user, is_superuser="y")) == "Only a superuser can make a superuser"


@pytest.mark.usefixtures("manager")
async def test_nobody_takes_over_who_may_do_more(client: AsyncClient, user: User, allow: Allow, login: Login) -> None:
    """Somebody who sets a password can then do everything that its user may do."""
    assert (await edit(client, user, password=NEW["password"])).status_code == SAVED
    group = await allow(user, "accounts.delete_group")

    answer = await edit(client, user, password=PASSWORD, groups=str(group.id))

    assert said(answer) == "You do not have: accounts.delete_group"
    await login(user, NEW["password"])


async def test_a_user_is_deleted(client: AsyncClient, db: AsyncSession, admin: User, user: User, enter: Enter) -> None:
    await enter(admin)

    answer = await client.delete(f"/admin/user/delete?pks={user.id}")

    assert (answer.status_code, answer.text.endswith("/admin/user/list")) == (200, True)
    assert list(await db.scalars(select(User.username))) == ["root"]
    assert (await client.delete(f"/admin/user/delete?pks={user.id}")).status_code == 404


# Looking.


async def test_who_may_only_look_can_look_and_no_more(
    client: AsyncClient, db: AsyncSession, clerk: User, user: User, enter: Enter
) -> None:
    await enter(clerk)
    db.add(group := Group(name="editors", permissions=[]))
    await db.commit()
    for path in ("user/list", f"user/details/{user.id}", "group/list", "session/list", "user/export/csv"):
        assert (await client.get(f"/admin/{path}")).status_code == 200, path
    page = (await client.get("/admin/user/list")).text
    assert not [word for word in ("fa-pen-to-square", "fa-trash", "New User", "audit-entry") if word in page]

    session_id = await db.scalar(select(Session.id))
    answers = [
        await create(client),
        await edit(client, user, full_name="X"),
        await client.get(f"/admin/user/edit/{user.id}"),
        await client.get("/admin/user/create"),
        await client.delete(f"/admin/user/delete?pks={user.id}"),
        await client.delete(f"/admin/group/delete?pks={group.id}"),
        await client.post("/admin/group/create", data={"name": "x"}),
        await client.post(f"/admin/session/action/end?pks={session_id}"),
        await client.get("/admin/audit-entry/list"),
    ]

    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert (await reload(db, user)).full_name == ""
    assert (await client.get("/admin/")).status_code == 200


async def test_staff_without_permissions_sees_nothing(
    client: AsyncClient, user: User, db: AsyncSession, enter: Enter
) -> None:
    user.is_staff = True
    await db.commit()
    await enter(user)

    assert "You have no permissions yet" in (await client.get("/admin/")).text
    for name in ("user", "group", "permission", "session", "audit-entry"):
        answer = await client.get(f"/admin/{name}/list")
        assert (answer.status_code, f"/admin/{name}/list" in answer.text) == (403, False)


@pytest.fixture
async def people(db: AsyncSession, admin: User, enter: Enter) -> None:
    names = {"Zoë": "Zoë Washburne", "ann": "Ann O'Nyme", "anna": "", "bob_": "50% off", "b_b": "=1+1"}
    for name, full_name in names.items():
        user = User(username=name, email=f"{name}@example.com", full_name=full_name, hashed_password="")
        user.disabled = name.startswith("b")
        db.add(user)
    await db.commit()
    await enter(admin)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["ann", "anna", "b_b", "bob_", "root", "Zoë"]),
        ("search=ANN", ["ann", "anna"]),
        ("search=ZOË", ["Zoë"]),
        ("search=anna%40", ["anna"]),
        ("search=50%25", ["bob_"]),
        ("search=o", []),
        ("search=b_&disabled=true", ["b_b"]),
        ("search=%20", ["ann", "anna", "b_b", "bob_", "root", "Zoë"]),
        ("disabled=true", ["b_b", "bob_"]),
        ("disabled=all&is_staff=false&is_superuser=", ["ann", "anna", "b_b", "bob_", "Zoë"]),
        ("sortBy=username&sort=desc&pageSize=2", ["Zoë", "root"]),
        ("sortBy=full_name&disabled=true", ["bob_", "b_b"]),
        ("sortBy=full_name&pageSize=4&page=2", ["ann", "Zoë"]),
        ("pageSize=-5", ["ann"]),
        ("sortBy=last_login&sort=desc&search=r", ["root"]),
    ],
)
async def test_users_are_searched_filtered_and_sorted(client: AsyncClient, query: str, names: list[str]) -> None:
    answer = await client.get(f"/admin/user/list?{query}")

    assert (answer.status_code, shown(answer)) == (200, names)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("query", ["sortBy=hashed_password", "sortBy=x", "page=x", "pageSize=x", "page=" + "9" * 5000])
async def test_a_list_that_cannot_be_is_refused(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"/admin/user/list?{query}")).status_code == 400


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("page", ["7", "-1", "0", "999999999999999999999"])
async def test_a_page_that_is_not_there_leads_to_one_that_is(client: AsyncClient, page: str) -> None:
    answer = await client.get(f"/admin/user/list?pageSize=2&page={page}")

    assert answer.status_code == 302
    assert (await client.get(answer.headers["Location"])).status_code == 200


@pytest.mark.usefixtures("people")
async def test_users_are_exported(client: AsyncClient) -> None:
    """A spreadsheet must not run a value that begins like a formula."""
    exported = await client.get("/admin/user/export/csv")
    rows = {row["Username"]: row for row in csv.DictReader(StringIO(exported.text))}
    assert rows["b_b"]["Full name"] == "'=1+1"
    assert rows["ann"]["Full name"] == "Ann O'Nyme"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", rows["ann"]["Joined"])

    users = json.loads((await client.get("/admin/user/export/json")).text)

    assert {user["username"] for user in users} == rows.keys()
    assert "password" not in exported.text + str(users)


async def test_the_whole_audit_log_is_exported(
    client: AsyncClient, admin: User, user: User, enter: Enter, login: Login
) -> None:
    token = (await login(user))["Authorization"].removeprefix("Bearer ")
    await client.post("/token/revoke", data={"token": token})
    await enter(admin)

    rows = list(csv.DictReader(StringIO((await client.get("/admin/audit-entry/export/csv")).text)))

    ended = next(row for row in rows if row["Model"] == "accounts.session" and row["What"].startswith("ended_at"))
    assert ended["Which"] == ended["Object ID"] != ""
    added = next(row for row in rows if (row["Which"], row["Action"]) == (user.username, "add"))
    assert "full_name: " in added["What"]


async def test_no_page_shows_a_secret(
    client: AsyncClient, db: AsyncSession, admin: User, user: User, enter: Enter, login: Login
) -> None:
    await enter(admin)
    await login(user)
    await edit(client, user, password=NEW["password"])
    sessions = (await db.scalars(select(Session))).all()
    hashes = [session.family_hash for session in sessions if session.family_hash]
    secrets = [*hashes, *(session.rotation_hash for session in sessions if session.rotation_hash), "$bcrypt", "$2b$"]
    assert len(secrets) == 4

    paths = ["user/list", f"user/details/{user.id}", f"user/edit/{user.id}", "user/export/json", "audit-entry/list"]
    paths += [f"session/details/{session.id}" for session in sessions] + ["session/list", "session/export/json"]
    paths += [f"audit-entry/details/{entry_id}" for entry_id in await db.scalars(select(AuditEntry.id))]
    for path in paths:
        text = (await client.get(f"/admin/{path}")).raise_for_status().text
        assert not [secret for secret in [*secrets, NEW["password"]] if secret in text], path


async def test_a_name_that_is_a_path_serves_no_file(
    client: AsyncClient, db: AsyncSession, admin: User, user: User, enter: Enter
) -> None:
    user.full_name = "pyproject.toml"
    await db.commit()
    await enter(admin)

    for what in ("download", "preview"):
        assert (await client.get(f"/admin/user/{user.id}/full_name/{what}/")).status_code == 404


# Groups, permissions and sessions.


async def test_groups_are_made_changed_and_deleted(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter
) -> None:
    await enter(admin)
    ids = {name: str(key) for key, name in await db.execute(select(Permission.id, Permission.name))}
    form = {"name": "editors", "permissions": [ids["accounts.view_user"], ids["accounts.add_user"]], "save": "Save"}

    assert (await client.post("/admin/group/create", data=form)).status_code == SAVED
    assert said(await client.post("/admin/group/create", data=form)) == "Another group has this name"
    group = (await db.scalars(select(Group))).one()
    await db.refresh(group, ["permissions"])
    assert [str(each) for each in group.permissions] == ["accounts.add_user", "accounts.view_user"]

    path = f"/admin/group/edit/{group.id}"
    renamed = {"name": "authors", "save": "Save"} | as_shown(await client.get(path))
    assert (await client.post(path, data=renamed)).status_code == SAVED
    assert "Not a valid choice" in (await client.post(path, data={"name": "x", "permissions": "unknown"})).text
    await db.refresh(group, ["name", "permissions"])
    assert (group.name, group.permissions) == ("authors", [])
    assert shown(await client.get("/admin/group/list?search=auth")) == ["authors"]

    assert (await client.delete(f"/admin/group/delete?pks={group.id}")).status_code == 200
    assert shown(await client.get("/admin/group/list")) == []


async def test_permissions_can_only_be_looked_at(client: AsyncClient, admin: User, enter: Enter) -> None:
    await enter(admin)

    assert "accounts.view_user" in shown(await client.get("/admin/permission/list?search=accounts.view_"))
    assert (await client.get("/admin/permission/create")).status_code == 403


async def test_sessions_are_found_and_ended(
    client: AsyncClient, db: AsyncSession, admin: User, user: User, enter: Enter, login: Login
) -> None:
    headers = await login(user)
    await enter(admin)
    found = await client.get("/admin/session/list?search=ALI")
    (session_id,) = set(re.findall(r"session/details/([0-9a-f-]{36})", found.text))
    assert "alice" in (await client.get(f"/admin/session/details/{session_id}")).text

    answer = await client.post(f"/admin/session/action/end?pks={session_id}")

    assert (answer.status_code, answer.headers["Location"].endswith("/admin/session/list")) == (303, True)
    assert (await client.get("/users/me", headers=headers)).status_code == 401
    entry = (await db.scalars(select(AuditEntry).order_by(AuditEntry.at.desc()))).first()
    assert entry is not None
    assert (entry.actor, entry.model, entry.object_id, list(entry.changes)) == (
        "root",
        "accounts.session",
        session_id,
        ["ended_at"],
    )


async def test_all_sessions_of_a_user_are_found_and_counted(
    client: AsyncClient, admin: User, user: User, enter: Enter, login: Login
) -> None:
    for _ in range(3):
        await login(user)
    await enter(admin)

    found = (await client.get("/admin/session/list?search=alice&pageSize=2")).text

    assert (len(set(re.findall(r"session/details/([0-9a-f-]{36})", found))), "1 to 2 of 3 items" in found) == (2, True)


async def test_nobody_ends_what_is_not_there(client: AsyncClient, admin: User, enter: Enter) -> None:
    await enter(admin)

    for keys, status in (("", 303), ("x", 404), ("c0ffee00-0000-4000-8000-000000000000", 404)):
        assert (await client.post(f"/admin/session/action/end?pks={keys}")).status_code == status


@pytest.mark.usefixtures("manager")
async def test_only_a_superuser_ends_the_session_of_a_superuser(
    client: AsyncClient, db: AsyncSession, admin: User, login: Login
) -> None:
    headers = await login(admin)
    session_id = await db.scalar(select(Session.id).where(Session.user_id == admin.id))

    answer = await client.post(f"/admin/session/action/end?pks={session_id}")

    assert (answer.status_code, answer.json()["detail"]) == (409, "Only a superuser can change a superuser")
    assert (await client.get("/users/me", headers=headers)).status_code == 200
