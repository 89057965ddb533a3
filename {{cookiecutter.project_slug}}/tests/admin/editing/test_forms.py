"""What a form offers from other models, what it writes, and what it does not change."""

import re
from typing import Any, ClassVar

import pytest
from httpx import AsyncClient, Response
from sqladmin.forms import ModelConverter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts.models import Group, Permission, Session, User
from app.admin.editing import fields, forms, related
from app.admin.editing.changes import MEANWHILE
from app.admin.site import ModelAdmin
from app.core.audit import AuditEntry
from tests.admin.conftest import ClientOf
from tests.conftest import PASSWORD_HASH, Allow, Enter, as_shown, save

LOOKUP = "/admin/user/ajax/lookup"


class PlainUserAdmin(ModelAdmin, model=User):
    form_columns: ClassVar = ["username", "email", "full_name", "last_login", "is_staff", "groups"]


class SearchableGroupAdmin(ModelAdmin, model=Group):
    save_as = True
    column_searchable_list: ClassVar = ["name"]


class NumberedGroupAdmin(ModelAdmin, model=Group):
    column_searchable_list: ClassVar = ["id"]


class OwnConverter(ModelConverter): ...


class OwnSearchAdmin(ModelAdmin, model=User):
    form_columns: ClassVar = ["username", "groups"]
    form_ajax_refs: ClassVar = {"groups": {"fields": ("name",), "order_by": "name"}}
    form_converter = OwnConverter


class SessionAdmin(ModelAdmin, model=Session):
    form_columns: ClassVar = ["user", "user_agent"]


@pytest.fixture
async def groups(db: AsyncSession, user: User) -> list[Group]:
    """The user is in the last one."""
    groups = [Group(name=name, permissions=[]) for name in ("cooks", "Bakers", "authors", "editors")]
    db.add_all(groups)
    await db.flush()
    await db.refresh(user, ["groups"])
    user.groups = [groups[-1]]
    await db.commit()
    return groups


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """More groups than a field lists."""
    monkeypatch.setattr(fields, "MAX_CHOICES", 2)


def options(page: Response, name: str) -> list[tuple[str, bool]]:
    """Return the labels that a field offers, and whether each is chosen."""
    field = re.search(rf'<select[^>]* name="{name}".*?</select>', page.text, re.DOTALL)
    assert field
    return [(label, "selected" in attributes) for attributes, label in re.findall("<option(.*?)>(.*?)<", field[0])]


async def edit(client: AsyncClient, user: User, shown: Any = None, **form: Any) -> Response:
    """Send the form as a browser does that shows it now, or that has shown it before."""
    path = f"/admin/user/edit/{user.id}"
    page = shown or await client.get(path)
    whole = {name: value for name, value in values(page).items() if name not in form}
    return await client.post(path, data=whole | as_shown(page) | {"save": "Save"} | form)


def values(page: Response) -> dict[str, Any]:
    """Return the data that a browser would send for an unchanged form."""
    texts = re.findall(r'<input[^>]* name="(\w+)"[^>]* type="(?:text|password)" value="(.*?)"', page.text)
    boxes = re.findall(r'<input checked [^>]* name="(\w+)"', page.text)
    lists = {
        name: re.findall(r'<option selected value="(.+?)"', inner)
        for name, inner in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page.text, re.DOTALL)
    }
    return dict(texts) | dict.fromkeys(boxes, "y") | lists


async def told(db: AsyncSession) -> list[dict[str, Any]]:
    query = select(AuditEntry.changes).where(AuditEntry.action == "change", AuditEntry.actor == "root")
    return list(await db.scalars(query.order_by(AuditEntry.at)))


async def names(db: AsyncSession, user: User) -> list[str]:
    await db.refresh(user, ["groups"])
    return [group.name for group in user.groups]


# What a field offers.


@pytest.mark.usefixtures("groups")
async def test_a_few_rows_are_listed_by_how_they_read(client_of: ClientOf, user: User) -> None:
    client = await client_of(PlainUserAdmin)

    page = await client.get(f"/admin/user/edit/{user.id}")

    assert options(page, "groups") == [("authors", False), ("Bakers", False), ("cooks", False), ("editors", True)]
    assert 'data-role="select2-ajax"' not in page.text


@pytest.mark.usefixtures("groups", "few")
async def test_of_many_rows_those_are_shown_that_are_chosen(client_of: ClientOf, user: User, db: AsyncSession) -> None:
    client = await client_of(PlainUserAdmin)

    page = await client.get(f"/admin/user/edit/{user.id}")
    assert options(page, "groups") == [("editors", True)]
    assert 'data-role="select2-ajax"' in page.text

    assert (await edit(client, user, full_name="Alice")).status_code == 302
    assert await names(db, user) == ["editors"]
    assert await told(db) == [{"full_name": ["", "Alice"]}]


@pytest.mark.usefixtures("few")
async def test_what_was_found_is_shown_again_where_something_else_is_wrong(
    client_of: ClientOf, user: User, groups: list[Group]
) -> None:
    client = await client_of(PlainUserAdmin)

    answer = await edit(client, user, username="", groups=[str(groups[0].id)])

    assert (answer.status_code, "This field is required." in answer.text) == (400, True)
    assert options(answer, "groups") == [("cooks", True)]


@pytest.mark.parametrize("limit", [fields.MAX_CHOICES, 0])
async def test_nothing_is_chosen_before_somebody_does(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, user: User, limit: int
) -> None:
    monkeypatch.setattr(fields, "MAX_CHOICES", limit)
    client = await client_of(SessionAdmin)
    page = await client.get("/admin/session/create")
    assert options(page, "user")[0] == ("", True)
    assert [label for label, is_chosen in options(page, "user") if is_chosen] == [""]

    answers = [
        await client.post("/admin/session/create", data={"user_agent": "x", "save": "Save", **chosen})
        for chosen in ({}, {"user": ""})
    ]

    assert {(answer.status_code, "This field is required." in answer.text) for answer in answers} == {(400, True)}


@pytest.mark.parametrize("key", ["x", "0", "c0ffee00-0000-4000-8000-000000000000", "{" * 300, "1;2", "é"])
async def test_what_is_not_there_cannot_be_chosen(client_of: ClientOf, user: User, db: AsyncSession, key: str) -> None:
    client = await client_of(PlainUserAdmin, SessionAdmin)

    made = await client.post("/admin/session/create", data={"user_agent": "x", "user": key, "save": "Save"})

    for answer in (made, await edit(client, user, groups=[key])):
        assert (answer.status_code, "Not a valid choice" in answer.text) == (400, True)


@pytest.mark.usefixtures("groups")
async def test_too_many_chosen_rows_stay_as_they_are(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, user: User, db: AsyncSession
) -> None:
    for module in (forms, related):
        monkeypatch.setattr(module, "MAX_CHOSEN", 0)
    client = await client_of(PlainUserAdmin)

    answer = await edit(client, user, full_name="Alice", username="")
    assert "You cannot change them here" in answer.text
    for form in ({}, {"groups": ["x"]}):
        assert (await edit(client, user, full_name="Alice", **form)).status_code == 302

    assert await names(db, user) == ["editors"]


# What a field finds.


async def found(client: AsyncClient, term: str, name: str = "groups", path: str = LOOKUP) -> Any:
    answer = await client.get(path, params={"name": name, "term": term})
    return [each["text"] for each in answer.raise_for_status().json()["results"]]


@pytest.mark.usefixtures("groups")
async def test_a_field_searches_as_the_page_of_the_other_model(client_of: ClientOf) -> None:
    client = await client_of(PlainUserAdmin, SearchableGroupAdmin)

    assert await found(client, "ED") == ["editors"]
    assert await found(client, "dit") == []


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("page", [PlainUserAdmin, OwnSearchAdmin])
async def test_a_model_without_a_page_is_searched_by_its_texts(client_of: ClientOf, page: type) -> None:
    client = await client_of(page)

    assert await found(client, "OR") == ["authors", "editors"]


async def test_a_page_may_search_by_what_is_no_text(client_of: ClientOf, groups: list[Group]) -> None:
    client = await client_of(PlainUserAdmin, NumberedGroupAdmin)

    assert await found(client, "editors") == []
    assert await found(client, groups[0].id.hex[:8]) == ["cooks"]
    assert (await client.get(f"/admin/group/list?search={groups[0].id.hex[:8]}")).status_code == 200


@pytest.mark.usefixtures("groups")
async def test_a_page_may_say_itself_how_a_field_searches(client_of: ClientOf, user: User, db: AsyncSession) -> None:
    client = await client_of(OwnSearchAdmin)
    page = await client.get(f"/admin/user/edit/{user.id}")
    assert (options(page, "groups"), 'data-role="select2-ajax"' in page.text) == ([("editors", True)], True)

    assert (await edit(client, user, username="alicia")).status_code == 302

    assert await names(db, user) == ["editors"]


@pytest.mark.usefixtures("user")
async def test_no_secret_is_searched(client_of: ClientOf) -> None:
    client = await client_of(SessionAdmin)

    assert await found(client, "alice", "user", "/admin/session/ajax/lookup") == ["alice"]
    assert await found(client, PASSWORD_HASH[:9], "user", "/admin/session/ajax/lookup") == []


@pytest.mark.parametrize("term", ["%", "_", "\\", "'", "é" * 9_000, "x" * 60_000, " ", "\ud7ff", "\U0010ffff", "0"])
@pytest.mark.parametrize("pages", [(PlainUserAdmin,), (PlainUserAdmin, SearchableGroupAdmin)])
async def test_any_term_is_answered(client_of: ClientOf, groups: list[Group], term: str, pages: Any) -> None:
    client = await client_of(*pages)

    assert await found(client, term) == (sorted(map(str, groups), key=str.casefold) if term == " " else [])


@pytest.mark.parametrize("query", ["", "name=groups", "term=x", "name=x&term=x", "name=username&term=x"])
async def test_what_is_no_lookup_is_refused(client: AsyncClient, admin: User, enter: Enter, query: str) -> None:
    assert (await client.get(f"{LOOKUP}?{query}")).status_code == 303
    await enter(admin)

    assert (await client.get(f"{LOOKUP}?{query}")).status_code == 400
    assert (await client.get("/admin/x/ajax/lookup?name=groups&term=x")).status_code == 404


@pytest.fixture
async def clerk(db: AsyncSession, enter: Enter) -> User:
    """The client of a logged-in member of staff without permissions."""
    clerk = User(username="clerk", email="clerk@example.com", hashed_password=PASSWORD_HASH, is_staff=True)
    await save(db, clerk)
    await enter(clerk)
    return clerk


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ((), 403),
        (("view_user", "view_group"), 403),
        (("view_user", "add_user"), 403),  # the form of a new user has no groups
        (("view_user", "change_user"), 200),
    ],
)
async def test_who_cannot_open_a_form_finds_nothing_for_its_fields(
    client: AsyncClient, clerk: User, allow: Allow, permissions: tuple[str, ...], status: int
) -> None:
    await allow(clerk, *(f"accounts.{name}" for name in permissions))

    assert (await client.get(LOOKUP, params={"name": "groups", "term": "ed"})).status_code == status


class UserPage(ModelAdmin, model=User):
    column_searchable_list: ClassVar = ["username", "email"]


async def test_who_may_not_view_a_model_learns_no_more_of_its_rows_than_their_names(
    client_of: ClientOf, clerk: User, user: User, allow: Allow
) -> None:
    await allow(clerk, "accounts.change_session")
    client = await client_of(SessionAdmin, UserPage, user=clerk)
    path = "/admin/session/ajax/lookup"

    assert await found(client, "ALICE", "user", path) == ["alice"]
    assert await found(client, "alice@example", "user", path) == []
    await allow(clerk, "accounts.view_user")
    assert await found(client, "alice@example", "user", path) == ["alice"]


# What a form writes.


@pytest.mark.usefixtures("groups")
async def test_what_nobody_changes_is_not_written(client_of: ClientOf, user: User, db: AsyncSession) -> None:
    client = await client_of(PlainUserAdmin)

    assert (await edit(client, user)).status_code == 302
    assert (await edit(client, user, is_staff="y", groups=[])).status_code == 302
    assert (await edit(client, user, full_name="Alice ")).status_code == 302

    assert await told(db) == [
        {"is_staff": [False, True], "groups": {"added": [], "removed": ["editors"]}},
        {"full_name": ["", "Alice "]},
    ]


@pytest.mark.usefixtures("groups")
async def test_what_a_form_did_not_show_stays(client_of: ClientOf, user: User, db: AsyncSession) -> None:
    """For example, a script leaves out fields, or a form was opened before a field was added."""
    client = await client_of(PlainUserAdmin)
    user.is_staff = True
    await db.commit()
    path = f"/admin/user/edit/{user.id}"
    older = {"_shown": as_shown(await client.get(path))["_shown"].replace("is_staff=", "x=").replace("groups=", "y=")}

    for said in ({}, {"_shown": ""}, {"_shown": "= x == ="}, older):
        form = {"username": "alice", "email": user.email, "full_name": "", "save": "Save"} | said
        assert (await client.post(path, data=form)).status_code == 302

    assert (await told(db), await names(db, user)) == ([], ["editors"])
    assert (await client.post(path, data={"full_name": "Alice"})).status_code == 302
    assert await told(db) == [{"full_name": ["", "Alice"]}]


async def test_what_was_changed_meanwhile_is_not_overwritten(client_of: ClientOf, user: User, db: AsyncSession) -> None:
    client = await client_of(PlainUserAdmin)
    shown = await client.get(f"/admin/user/edit/{user.id}")
    await edit(client, user, full_name="Alice")

    refused = await edit(client, user, shown, full_name="Bob", is_staff="y")
    assert (refused.status_code, MEANWHILE in refused.text) == (400, True)
    assert (await edit(client, user, shown, is_staff="y")).status_code == 302

    await db.refresh(user)
    assert (user.full_name, user.is_staff) == ("Alice", True)


async def test_what_is_saved_as_new_has_all_that_the_form_shows(client_of: ClientOf, db: AsyncSession) -> None:
    permissions = list(await db.scalars(select(Permission).order_by(Permission.name).limit(3)))
    db.add(group := Group(name="editors", permissions=permissions))
    await db.commit()
    client = await client_of(SearchableGroupAdmin)
    path = f"/admin/group/edit/{group.id}"
    page = await client.get(path)

    form = values(page) | as_shown(page) | {"name": "authors", "save": "Save as new"}
    assert (await client.post(path, data=form)).status_code == 302

    made = (await db.scalars(select(Group).order_by(Group.name).options(selectinload(Group.permissions)))).all()
    assert [(each.name, each.permissions) for each in made] == [("authors", permissions), ("editors", permissions)]


async def test_permissions_of_a_group_stay_with_it(
    client: AsyncClient, admin: User, db: AsyncSession, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "MAX_CHOICES", 1)
    permissions = list(await db.scalars(select(Permission).order_by(Permission.name).limit(3)))
    db.add(group := Group(name="editors", permissions=permissions))
    await db.commit()
    await enter(admin)
    path = f"/admin/group/edit/{group.id}"
    page = await client.get(path)
    assert [label for label, _ in options(page, "permissions")] == [each.name for each in permissions]

    form = {"name": "authors", "permissions": [str(each.id) for each in permissions], "save": "Save"}
    assert (await client.post(path, data=form | as_shown(page))).status_code == 302

    await db.refresh(group, ["name", "permissions"])
    assert (group.name, group.permissions) == ("authors", permissions)
    assert await told(db) == [{"name": ["editors", "authors"]}]
