"""What a form of the admin site writes, and what it does not change: in a browser, with many related rows.

An app of `startapp` has columns of many types, each with a value that a form does not show completely. A row belongs to
one of 1,005 users. One user is in two of 1,005 groups, and one is in all of them.
"""

import ast
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import on_new_database
from tests.kit.admin_site import enter, save
from tests.kit.browser import Browse
from tests.kit.servers import Server
from tests.kit.services import Service, prepare, serve

MANY = 1005
REQUIRED = "This field is required."

IMPORTS = """
import enum
from datetime import time
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Enum, ForeignKey, Numeric
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import relationship

from app.accounts.models import User
"""
COLUMNS = """
    note: Mapped[str | None] = mapped_column(String(100))
    origin: Mapped[str] = mapped_column(String(10), server_default="unknown")
    status: Mapped[Status] = mapped_column(Enum(Status, values_callable=lambda kind: [each.value for each in kind]))
    mood: Mapped[Mood | None] = mapped_column(default=None)
    price: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=Decimal(0))
    weight: Mapped[float] = mapped_column(default=0.0)
    starts: Mapped[time | None]
    extra: Mapped[Any] = mapped_column(JSON, default=dict)
    address: Mapped[str | None] = mapped_column(String(45).with_variant(INET, "postgresql"))
    pinned: Mapped[bool] = mapped_column(default=False)
    locked: Mapped[bool] = mapped_column(default=False)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    reviewer_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id))
    author: Mapped[User] = relationship(foreign_keys=author_id)
    reviewer: Mapped[User | None] = relationship(foreign_keys=reviewer_id)
"""
KINDS = """
class Status(enum.Enum):
    DRAFT = "draft"
    PUBLISHED = "published"


class Mood(enum.Enum):
    calm = 1
    angry = 2


"""
FORM = """
    form_columns: ClassVar = [
        "title", "text", "created_at", "note", "origin", "status", "mood", "price", "weight", "starts", "extra",
        "address", "pinned", "locked", "author", "reviewer",
    ]
    form_widget_args: ClassVar = {"locked": {"disabled": True}}
"""
SEED = f"""
import asyncio
from datetime import UTC, datetime, time
from decimal import Decimal

from app.accounts.models import Group, User
from app.blog.models import Mood, Post, Status
from app.core.db import Database
from app.settings import get_settings


async def main():
    database = Database(get_settings().database_url)
    async with database.session() as db:
        users = [
            User(username=f"user{{n:04}}", email=f"user{{n:04}}@example.com", hashed_password="") for n in range({MANY})
        ]
        groups = [Group(name=f"group{{n:04}}") for n in range({MANY})]
        users[-1].groups = groups[-2:]
        users[0].groups = groups
        db.add_all([*groups, *users])
        await db.flush()
        db.add(Post(
            title="Whole ", text="\\n one\\ntwo\\r\\nthree \\n", created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
            note="", origin="", status=Status.PUBLISHED, mood=Mood.angry, price=Decimal("1.250000"), weight=1e-7,
            starts=time(9, 30, 15, 250), extra=[], address="192.0.2.7", pinned=True, locked=True,
            author_id=users[-1].id, reviewer_id=users[-2].id,
        ))
        await db.commit()
    await database.dispose()


asyncio.run(main())
"""
# Without the app, which takes longer to load than the query.
ROWS = """
import os

from sqlalchemy import create_engine, make_url, text

url = make_url(os.environ["DATABASE_URL"])
if url.drivername == "postgresql":
    url = url.set(drivername="postgresql+psycopg")
with create_engine(url).connect() as connection:
    rows = connection.execute(text(%r)).mappings()
    print([{name: str(value) for name, value in row.items()} for row in rows])
"""
POST = "SELECT * FROM blog_post WHERE title LIKE 'Whole%'"
GROUPS = """
SELECT accounts_group.name FROM accounts_group
JOIN accounts_user_groups ON group_id = accounts_group.id JOIN accounts_user ON user_id = accounts_user.id
WHERE username = '{}' ORDER BY accounts_group.name
"""
LOG = "SELECT changes FROM core_audit_entry WHERE action = 'change' ORDER BY at DESC LIMIT 1"

Rows = Callable[[str], list[dict[str, Any]]]


def edit_app(project: Path) -> None:
    (written,) = (project / "app" / "migrations" / "versions").glob("*_blog.py")
    written.unlink()
    models = project / "app" / "blog" / "models.py"
    head, line, rest = models.read_text(encoding="utf-8").partition("class Post(Base):")
    rest = rest.replace("\n\n    __table_args__", f"{COLUMNS}\n    __table_args__")
    models.write_text(f"{head}{IMPORTS}{KINDS}{line}{rest}", encoding="utf-8")
    admin = project / "app" / "blog" / "admin.py"
    old = '    form_columns: ClassVar = ["title", "text"]\n'
    admin.write_text(admin.read_text(encoding="utf-8").replace(old, FORM.lstrip("\n")), encoding="utf-8")


@pytest.fixture(scope="module")
def begun(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    project = tmp_path_factory.mktemp("forms") / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    begun = Service(project, plain.python)
    begun.manage("startapp", "blog", "--model", "Post")
    edit_app(project)
    return begun


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, begun: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    seeded = on_new_database(request, begun, tmp_path_factory.mktemp("forms"), "forms")
    seeded.manage("migrate")
    if not list((begun.project / "app" / "migrations" / "versions").glob("*_blog.py")):
        seeded.manage("makemigrations", "--name", "blog")
    prepare(seeded)
    done = seeded.run("-c", SEED)
    assert done.returncode == 0, done.stderr
    return seeded


@pytest.fixture(scope="module")
def served(seeded: Service) -> Iterator[Server]:
    with serve(seeded) as served:
        yield served


@pytest.fixture
def rows(seeded: Service) -> Rows:
    def rows(query: str) -> list[dict[str, Any]]:
        done = seeded.run("-c", ROWS % query)
        assert done.returncode == 0, done.stderr
        return list(ast.literal_eval(done.stdout))

    return rows


@pytest.fixture
def admin(browse: Browse, served: Server) -> Page:
    page = browse(f"{served.url}/admin")
    enter(page)
    return page


def open_post(page: Page, served: Server, rows: Rows) -> None:
    (post,) = rows(POST)
    page.goto(f"{served.url}/admin/post/edit/{UUID(post['id'])}")
    expect(page.locator(".page-title")).to_have_text("Whole")


def open_user(page: Page, served: Server, rows: Rows, name: str) -> None:
    (user,) = rows(f"SELECT id FROM accounts_user WHERE username = '{name}'")  # noqa: S608 (it is ours)
    page.goto(f"{served.url}/admin/user/edit/{UUID(user['id'])}")
    expect(page.locator(".page-title")).to_have_text(name)


def choose(page: Page, field: str, term: str, name: str) -> None:
    """Search in a field that does not list all rows, and choose the result."""
    page.locator(f"#{field} + .select2 .select2-selection").click()
    page.locator(".select2-container--open .select2-search__field").fill(term)
    page.locator(".select2-results__option", has_text=name).click()


def chosen(page: Page, field: str) -> list[str]:
    return page.locator(f"#{field} option:checked").all_text_contents()


def saved(page: Page) -> None:
    save(page)
    expect(page.locator("tbody").first).to_be_visible()


def test_an_edit_writes_one_column_and_tells_of_no_other(admin: Page, served: Server, rows: Rows) -> None:
    (before,) = rows(POST)
    open_post(admin, served, rows)
    assert (chosen(admin, "author"), chosen(admin, "reviewer")) == (["user1004"], ["user1003"])
    assert (chosen(admin, "status"), chosen(admin, "mood")) == (["published"], ["angry"])

    admin.get_by_label("Note").fill("read")
    saved(admin)

    assert rows(POST) == [before | {"note": "read"}]
    assert ast.literal_eval(rows(LOG)[0]["changes"]) == {"note": ["", "read"]}


@pytest.mark.parametrize(("name", "count"), [("user1004", 2), ("user0000", MANY)])
def test_groups_that_no_list_holds_stay(admin: Page, served: Server, rows: Rows, name: str, count: int) -> None:
    before = rows(GROUPS.format(name))
    open_user(admin, served, rows, name)
    assert chosen(admin, "groups") == [row["name"] for row in before]

    admin.get_by_label("Full name").fill("Grace Hopper")
    saved(admin)

    assert rows(GROUPS.format(name)) == before
    assert len(before) == count
    assert ast.literal_eval(rows(LOG)[0]["changes"]) == {"full_name": ["", "Grace Hopper"]}


def test_groups_are_searched_for_and_taken_away(admin: Page, served: Server, rows: Rows) -> None:
    open_user(admin, served, rows, "user1004")
    choose(admin, "groups", "group05", "group0500")
    admin.locator(".select2-selection__choice", has_text="group1003").get_by_role("button").click()
    saved(admin)

    assert [row["name"] for row in rows(GROUPS.format("user1004"))] == ["group0500", "group1004"]
    assert ast.literal_eval(rows(LOG)[0]["changes"]) == {"groups": {"added": ["group0500"], "removed": ["group1003"]}}


def test_a_new_row_belongs_to_nobody_until_one_is_chosen(
    admin: Page, browse: Browse, served: Server, rows: Rows
) -> None:
    browse.expect("status of 400")
    admin.goto(f"{served.url}/admin/post/create")
    assert (chosen(admin, "author"), chosen(admin, "reviewer")) == ([""], [""])
    admin.get_by_label("Title").fill("New")
    admin.get_by_label("Text").fill("one\ntwo")
    save(admin)
    expect(admin.locator("#author ~ .invalid-feedback")).to_have_text(REQUIRED)
    assert rows("SELECT * FROM blog_post WHERE title = 'New'") == []

    choose(admin, "author", "user0777", "user0777")
    saved(admin)

    (made,) = rows(
        "SELECT username, blog_post.* FROM blog_post JOIN accounts_user ON author_id = accounts_user.id"
        " WHERE title = 'New'"
    )
    assert (made["username"], made["text"], made["origin"]) == ("user0777", "one\ntwo", "unknown")
    assert made["reviewer_id"] == "None"


def test_a_reviewer_is_changed_and_taken_away(admin: Page, served: Server, rows: Rows) -> None:
    (before,) = rows(POST)
    open_post(admin, served, rows)
    choose(admin, "reviewer", "user00", "user0003")
    saved(admin)
    ((user,), (after,)) = rows("SELECT id FROM accounts_user WHERE username = 'user0003'"), rows(POST)
    assert after == before | {"reviewer_id": user["id"]}

    open_post(admin, served, rows)
    admin.locator("#reviewer + .select2 .select2-selection__clear").click()
    saved(admin)
    assert rows(POST) == [before | {"reviewer_id": "None"}]


def test_what_somebody_else_changed_meanwhile_stays(admin: Page, browse: Browse, served: Server, rows: Rows) -> None:
    browse.expect("status of 400")
    (before,) = rows(POST)
    open_post(admin, served, rows)
    other = browse(f"{served.url}/admin/")
    open_post(other, served, rows)
    other.get_by_label("Note").fill("from the other")
    choose(other, "author", "user0001", "user0001")
    saved(other)

    admin.get_by_label("Price").fill("2.5")
    saved(admin)
    (after,) = rows(POST)
    assert (after["note"], after["price"][:3]) == ("from the other", "2.5")
    assert after["author_id"] != before["author_id"]

    open_post(admin, served, rows)
    open_post(other, served, rows)
    other.get_by_label("Note").fill("once more")
    saved(other)
    admin.get_by_label("Note").fill("mine")
    save(admin)
    expect(admin.locator("#note ~ .invalid-feedback")).to_have_text(
        "Somebody else has changed this. Load the page again."
    )
    assert rows(POST)[0]["note"] == "once more"
