"""Pages with almost no options, and errors in pages."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from httpx import AsyncClient
from sqladmin import BaseView, expose
from sqladmin.filters import AllUniqueStringValuesFilter, OperationColumnFilter, StaticValuesFilter
from sqlalchemy import Index, Select, String, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.models import Group, User, group_permissions
from app.admin.showing import listing
from app.admin.site import ModelAdmin, Refused
from app.core.audit import AuditEntry
from app.core.db import Database, DatabaseUnavailable
from app.core.db.queries import pagination
from app.core.settings import parse_database_url
from app.core.web import ServerBusy
from tests.admin.conftest import ClientOf
from tests.conftest import ClientWith, Enter

MULTIPART = "multipart/form-data; boundary=y"
TOLD = select(AuditEntry).where(AuditEntry.model == "accounts.group").order_by(AuditEntry.at)


class PlainAdmin(ModelAdmin, model=Group): ...


class PlainUserAdmin(ModelAdmin, model=User): ...


async def test_two_lines_make_a_page(client_of: ClientOf, db: AsyncSession) -> None:
    client = await client_of(PlainAdmin)
    assert (await client.get("/admin/group/create")).status_code == 200

    made = await client.post("/admin/group/create", data={"name": "editors", "save": "Save"})
    assert made.status_code == 302
    group = (await db.scalars(select(Group))).one()
    assert re.search(r"<td>editors</td>", (await client.get("/admin/group/list")).text)
    assert "editors" in (await client.get(f"/admin/group/details/{group.id}")).text
    changed = await client.post(f"/admin/group/edit/{group.id}", data={"name": "authors", "save": "Save"})
    assert changed.status_code == 302
    assert "authors" in (await client.get("/admin/group/export/json")).text
    assert (await client.delete(f"/admin/group/delete?pks={group.id}")).status_code == 200

    told = (
        await db.scalars(select(AuditEntry).where(AuditEntry.model == "accounts.group").order_by(AuditEntry.at))
    ).all()
    assert [(entry.actor, entry.action) for entry in told] == [("root", "add"), ("root", "change"), ("root", "delete")]
    assert told[1].changes == {"name": ["editors", "authors"]}


async def test_a_page_shows_all_but_secrets(client_of: ClientOf, user: User) -> None:
    client = await client_of(PlainUserAdmin)

    for path in ("list", f"details/{user.id}", f"edit/{user.id}", "export/json", "export/csv"):
        text = (await client.get(f"/admin/user/{path}")).raise_for_status().text
        assert "alice@example.com" in text
        assert not [secret for secret in ("$bcrypt", "hashed_password", "Hashed password") if secret in text], path


async def test_what_is_taken_is_said_on_the_form(client_of: ClientOf, db: AsyncSession) -> None:
    client = await client_of(PlainAdmin)
    db.add(Group(name="editors", permissions=[]))
    await db.commit()

    answer = await client.post("/admin/group/create", data={"name": "editors", "save": "Save"})

    assert (answer.status_code, "There is already one with this name." in answer.text) == (400, True)
    assert "INSERT" not in answer.text


class FailingAdmin(ModelAdmin, model=Group):
    error: ClassVar[Exception]

    async def perform_create(self, request: Request, data: dict[str, Any]) -> Group:
        raise self.error

    async def perform_update(self, request: Request, pk: str, data: dict[str, Any]) -> Group:
        raise self.error

    async def perform_delete(self, request: Request, pk: str) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "statuses", "text"),
    [
        (Refused("Not on a Sunday"), [400, 400, 409], "Not on a Sunday"),
        (ServerBusy(3.2), [503] * 3, "The server is busy"),
        (DatabaseUnavailable("at 10.0.0.7"), [503] * 3, "cannot be reached"),
    ],
)
async def test_what_goes_wrong_is_told_as_it_deserves(
    client_of: ClientOf, db: AsyncSession, error: Exception, statuses: list[int], text: str
) -> None:
    db.add(group := Group(name="editors", permissions=[]))
    await db.commit()
    FailingAdmin.error = error
    client = await client_of(FailingAdmin)

    answers = [
        await client.post("/admin/group/create", data={"name": "x", "save": "Save"}),
        await client.post(f"/admin/group/edit/{group.id}", data={"name": "x", "save": "Save"}),
        await client.delete(f"/admin/group/delete?pks={group.id}"),
    ]

    assert [answer.status_code for answer in answers] == statuses
    assert all(text in answer.text and "10.0.0.7" not in answer.text for answer in answers)
    assert all(("Retry-After" in answer.headers) == (503 in statuses) for answer in answers)


async def test_a_bug_is_no_refusal(client_of: ClientOf, caplog: pytest.LogCaptureFixture) -> None:
    FailingAdmin.error = RuntimeError("a bug in line 7")
    client = await client_of(FailingAdmin)

    answer = await client.post("/admin/group/create", data={"name": "x", "save": "Save"})

    assert (answer.status_code, "line 7" in answer.text) == (500, False)
    assert [record.message for record in caplog.records if record.exc_info] == [
        "Unhandled error in POST /admin/group/create"
    ]


class CustomPage(BaseView):
    name = "Report"

    @expose("/report", identity="report")
    async def report(self, request: Request) -> Response:
        return Response("a report")


async def test_a_page_without_a_model_is_for_superusers(client_of: ClientOf, db: AsyncSession, admin: User) -> None:
    client = await client_of(CustomPage)
    assert (await client.get("/admin/report")).text == "a report"
    admin.is_superuser = False
    await db.commit()

    assert (await client.get("/admin/report")).status_code == 403


class GroupAdmin(ModelAdmin, model=Group):
    """Another app might have a model with this name."""

    name = "Another"


async def test_models_of_one_name_have_pages_of_their_own(client_of: ClientOf) -> None:
    client = await client_of(PlainAdmin, GroupAdmin)

    assert "New Group" in (await client.get("/admin/group/list")).text
    assert "New Another" in (await client.get("/admin/accounts-group/list")).text


async def test_two_applications_share_no_page(
    client: AsyncClient, client_with: ClientWith, admin: User, enter: Enter, tmp_path: Path
) -> None:
    await client_with(database_url=parse_database_url(f"sqlite:///{tmp_path}/without-tables"))
    await enter(admin)

    assert (await client.get("/admin/group/list")).status_code == 200


class FilteredAdmin(ModelAdmin, model=User):
    column_list: ClassVar = ["username"]
    column_searchable_list: ClassVar = ["email"]
    column_sortable_list: ClassVar = ["username"]
    column_filters: ClassVar = [
        OperationColumnFilter("email"),
        StaticValuesFilter("username", [("alice", "Alice"), ("root", "Root")]),
        AllUniqueStringValuesFilter("full_name"),
    ]

    def list_query(self, request: Request) -> Select[Any]:
        """Some pages show only a part of the rows."""
        return select(User).outerjoin(User.groups).where(User.username != "hidden")


def shown(text: str) -> list[str]:
    return re.findall(r"<td>([a-z]+)</td>", text)


@pytest.mark.usefixtures("user")
async def test_every_kind_of_filter_works_and_a_restriction_holds(client_of: ClientOf, db: AsyncSession) -> None:
    db.add(User(username="hidden", email="hidden@example.com", hashed_password="", full_name="Hidden"))
    await db.commit()
    client = await client_of(FilteredAdmin)

    for query, names in {
        "": ["alice", "root"],
        "search=hid": [],
        "search=ali": ["alice"],
        "email_op=starts_with&email=root": ["root"],
        "email_op=contains&email=example": ["alice", "root"],
        "email_op=&email=root": ["alice", "root"],
        "username=root": ["root"],
        "username=__all": ["alice", "root"],
        "full_name=Hidden": [],
        "sortBy=username&sort=desc": ["root", "alice"],
    }.items():
        assert sorted(shown((await client.get(f"/admin/user/list?{query}")).text)) == sorted(names), query


async def test_no_more_is_counted_than_can_be_paged_through(
    client_of: ClientOf, db: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pagination, listing):
        monkeypatch.setattr(module, "COUNT_CAP", 3)
    db.add_all(Group(name=f"group{letter}", permissions=[]) for letter in "abcde")
    await db.commit()
    client = await client_of(PlainAdmin)

    first = (await client.get("/admin/group/list?pageSize=2")).text

    assert "of more than 3 items" in first
    assert len(shown((await client.get("/admin/group/list?pageSize=2&page=2")).text)) == 2
    assert (await client.get("/admin/group/list?pageSize=2&page=9")).status_code == 302


class SearchedAdmin(ModelAdmin, model=Group):
    column_list: ClassVar = ["name"]
    column_searchable_list: ClassVar = ["name"]


async def test_a_search_that_finds_too_much_says_so(
    client_of: ClientOf, db: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pagination, listing):
        monkeypatch.setattr(module, "COUNT_CAP", 3)
    db.add_all(Group(name=f"group{letter}", permissions=[]) for letter in "edcba")
    await db.commit()
    client = await client_of(SearchedAdmin)

    broad = (await client.get("/admin/group/list?search=GROUP")).text
    narrow = (await client.get("/admin/group/list?search=groupd")).text

    assert ("of more than 3 items" in broad, sorted(shown(broad))) == (True, ["groupa", "groupb", "groupc", "groupd"])
    assert ("of 1 items" in narrow, shown(narrow)) == (True, ["groupd"])


class Base(DeclarativeBase):
    """Not the base of the app: `migrate` would know the model."""

    __permissions__ = ("view",)
    __audited__ = ()


class Seat(Base):
    """Its key has two columns."""

    __tablename__ = "seat"
    __table_args__ = (Index(None, "guest", "row", "number"),)

    row: Mapped[str] = mapped_column(String(2), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    guest: Mapped[str | None] = mapped_column(String(20))


class SeatAdmin(ModelAdmin, model=Seat):
    column_list: ClassVar = ["guest"]
    column_searchable_list: ClassVar = ["guest", "row", "number"]


@pytest.fixture
async def seats(database: Database) -> AsyncIterator[None]:
    guests = [("a", 1, "bob"), ("a", 2, None), ("b", 1, "ann"), ("b", 2, "abe")]
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(
            insert(Seat), [{"row": row, "number": number, "guest": guest} for row, number, guest in guests]
        )
    yield
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)


@pytest.mark.usefixtures("seats")
@pytest.mark.parametrize(
    ("query", "guests"),
    [
        ("", ["bob", "None", "ann", "abe"]),
        ("sortBy=guest", ["None", "abe", "ann", "bob"]),
        ("sortBy=guest&sort=desc", ["bob", "ann", "abe", "None"]),
        ("search=A", ["bob", "None", "ann", "abe"]),
        ("search=B", ["bob", "ann", "abe"]),
        ("search=an", ["ann"]),
        ("search=2", ["None", "abe"]),
    ],
)
async def test_a_key_of_several_columns_is_listed(client_of: ClientOf, query: str, guests: list[str]) -> None:
    client = await client_of(SeatAdmin)

    text = (await client.get(f"/admin/seat/list?{query}")).text

    assert [cell.strip() or "None" for cell in re.findall(r"<td>([a-z]*)</td>", text)] == guests


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"x", MULTIPART),
        (
            b"--y\r\nContent-Disposition: form-data; name=name; filename=x\r\n\r\n\r\n--y--",
            "multipart/form-data; boundary=y",
        ),
        (b"name=%00&save=Save", "application/x-www-form-urlencoded"),
        (b"a=1&" * 2000, "application/x-www-form-urlencoded"),
        (b"name=" + b"x" * 1000, "application/x-www-form-urlencoded"),
    ],
    ids=["json", "no multipart", "a file", "nul", "many fields", "long"],
)
async def test_no_form_is_an_error_of_ours(
    client_of: ClientOf, db: AsyncSession, body: bytes, content_type: str
) -> None:
    client = await client_of(PlainAdmin)

    answer = await client.post("/admin/group/create", content=body, headers={"Content-Type": content_type})

    assert answer.status_code in (400, 422)
    assert list(await db.scalars(select(group_permissions))) == list(await db.scalars(select(Group))) == []


@pytest.fixture(autouse=True)
def _no_error_left() -> Iterator[None]:
    yield
    FailingAdmin.error = Refused("")
