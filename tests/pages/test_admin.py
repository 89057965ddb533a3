"""The admin site of a rendered project in a browser. Also projects with an additional page, or without the site."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.kit.admin_site import click, enter, open_menu, row, save, search, try_to_enter
from tests.kit.browser import Browse
from tests.kit.servers import PostgreSQL, Server
from tests.kit.services import EMAIL, PASSWORD, USERNAME, Service, bearer, connect, log_in, prepare, serve

NEW_PASSWORD = "sixteen tons of gravel"
FLAG = "Staff"


@pytest.fixture
def admin(browse: Browse, served: Server) -> Page:
    page = browse(f"{served.url}/admin")
    enter(page)
    return page


@pytest.fixture(scope="module")
def with_long_values(plain: Service, cluster: PostgreSQL) -> Iterator[Server]:
    """Nobody works on its tasks, so they stay in their list."""
    env = {"DATABASE_URL": cluster.create_database("long_values"), "TASK_QUEUE": "database"}
    with serve(prepare(plain.with_env(**env))) as served:
        fill_with_long_values(served)
        yield served


def test_a_user_from_the_first_to_the_last_click(admin: Page, served: Server) -> None:
    """Make, find, change and log out a user, and look into the log. The browser must not complain."""
    make_a_user(admin, "grace")
    with connect(served) as client:
        token = log_in(client, "grace", NEW_PASSWORD).raise_for_status().json()["access_token"]
        change_a_user(admin, "grace")
        assert client.get("/users/me", headers=bearer(token)).json()["full_name"] == "Grace Hopper"
        end_a_session(admin, "grace")
        assert client.get("/users/me", headers=bearer(token)).status_code == 401
    read_the_log(admin, "grace")
    delete_a_user(admin, "grace")

    admin.get_by_text("Logout").click()
    expect(admin).to_have_title("Log in · My Service")
    admin.goto(f"{served.url}/admin/user/list")
    expect(admin).to_have_title("Log in · My Service")


def test_a_logout_does_not_need_the_scripts_at_the_end_of_the_page(browse: Browse, site: Server) -> None:
    """Such as on a slow connection. A link would be followed, and the answer to a GET is 405."""
    page = browse(f"{site.url}/admin")
    enter(page)
    expect(page).to_have_title("My Service")
    page.route("**/statics/js/*", lambda route: None)
    page.goto(f"{site.url}/admin/user/list", wait_until="commit")
    page.get_by_text("Logout").click()
    expect(page).to_have_title("Log in · My Service")
    page.unroute_all()
    page.reload()


def make_a_user(page: Page, name: str) -> None:
    open_menu(page, "Users")
    page.get_by_role("link", name="New User").click()
    for label, value in {"Username": name, "E-mail": f"{name}@example.com", "Password": NEW_PASSWORD}.items():
        page.get_by_label(label).fill(value)
    save(page)


def change_a_user(page: Page, name: str) -> None:
    search(page, name[:3].upper())
    expect(page.locator("tbody tr")).to_have_count(1)
    row(page, name, "pen-to-square")
    expect(page.locator(".page-title")).to_have_text(name)
    page.get_by_label("Full name").fill("Grace Hopper")
    page.get_by_label(FLAG).check()
    save(page)
    expect(page.locator("tbody")).to_contain_text("Grace Hopper")
    page.get_by_role("link", name="Username").click()  # sorts
    expect(page.locator("th .fa-arrow-up")).to_be_visible()
    page.locator("#filter-sidebar").get_by_text("Yes").nth(1).click()
    expect(page.locator("tbody tr")).to_have_count(1)


def end_a_session(page: Page, name: str) -> None:
    open_menu(page, "Sessions")
    search(page, name)
    row(page, name)
    click(page.get_by_role("link", name="End", exact=True))
    page.get_by_role("link", name="Yes").click()
    expect(page.locator(".card-title").first).to_have_text("Sessions")


def read_the_log(page: Page, name: str) -> None:
    open_menu(page, "Audit log")
    expect(page.locator("tbody tr").first).to_contain_text("accounts.session")
    expect(page.locator("tbody")).not_to_contain_text(NEW_PASSWORD)
    row(page, f"change accounts.user {name}")
    details = page.locator("tbody")
    expect(details).to_contain_text("full_name: nothing → Grace Hopper")
    expect(details).to_contain_text("is_staff: no → yes")
    expect(details).to_contain_text(USERNAME)


def delete_a_user(page: Page, name: str) -> None:
    open_menu(page, "Users")
    row(page, name)
    expect(page.locator(".page-pretitle")).to_have_text(name)
    click(page.get_by_text("Delete", exact=True).first)
    expect(page.locator("#modal-delete-text")).to_have_text(f"This will permanently delete {name}.")
    page.locator("#modal-delete [data-bs-dismiss]").last.click()
    open_menu(page, "Users")
    row(page, name, "trash")
    expect(page.locator("#modal-delete-text")).to_have_text(f"This will permanently delete {name}.")
    page.locator("#modal-delete-button").click()
    expect(page.locator("tbody")).not_to_contain_text(name)


def test_a_group_a_ticked_session_and_an_export(admin: Page, browse: Browse, served: Server) -> None:
    open_menu(admin, "Groups")
    admin.get_by_role("link", name="New Group").click()
    admin.get_by_label("Name").fill("editors")
    admin.get_by_label("Available permissions", exact=True).select_option(
        label=["accounts.view_user", "accounts.view_group"]
    )
    admin.get_by_role("button", name="Add", exact=True).click()
    save(admin)
    row(admin, "editors")
    expect(admin.locator("tbody")).to_contain_text("(accounts.view_group) (accounts.view_user)")

    open_menu(admin, "Users")
    with admin.expect_download() as download:
        click(admin.get_by_text("Export"))
        admin.get_by_text("CSV", exact=True).click()
    assert EMAIL in download.value.path().read_text(encoding="utf-8")

    with connect(served) as client:
        token = log_in(client).raise_for_status().json()["access_token"]
        open_menu(admin, "Sessions")
        admin.locator("tr", has_text="python-httpx").first.locator(".select-box").check()
        click(admin.get_by_role("button", name="Actions"))
        admin.locator("#action-customconfirm-end").click()
        admin.locator("#action-custom-modal-end").click()
        expect(admin.locator("tr", has_text="python-httpx").first.locator("td").nth(7)).to_contain_text("UTC")
        assert client.get("/users/me", headers=bearer(token)).status_code == 401


def test_permissions_move_between_two_lists(admin: Page) -> None:
    """With a mouse, and with nothing but the keyboard."""
    open_menu(admin, "Groups")
    admin.get_by_role("link", name="New Group").click()
    available, chosen = (admin.get_by_label(f"{which} permissions", exact=True) for which in ("Available", "Chosen"))
    expect(available).to_be_visible()  # its script has run
    admin.get_by_label("Name").fill("readers")
    admin.get_by_label("Name").press("Tab")
    expect(admin.get_by_label("Search in available permissions")).to_be_focused()
    admin.keyboard.type("VIEW_USER")
    expect(available.locator("option")).to_have_text(["accounts.view_user"])
    admin.keyboard.press("Enter")
    expect(chosen.locator("option")).to_have_text(["accounts.view_user"])

    admin.get_by_label("Search in available permissions").fill("_group")
    admin.keyboard.press("Tab")
    expect(available).to_be_focused()
    admin.keyboard.press("ArrowDown")
    admin.keyboard.press("Enter")
    admin.keyboard.press("Enter")  # the cursor is on the next row
    expect(available).to_be_focused()
    expect(chosen.locator("option")).to_have_text(["accounts.add_group", "accounts.change_group", "accounts.view_user"])
    expect(admin.get_by_role("status")).to_have_text("accounts.change_group added")
    chosen.locator("option", has_text="add_group").dblclick()
    save(admin)
    row(admin, "readers")
    expect(admin.locator("tbody")).to_contain_text("(accounts.change_group) (accounts.view_user)")


def test_an_edit_keeps_what_nobody_moves(admin: Page) -> None:
    open_menu(admin, "Groups")
    admin.get_by_role("link", name="New Group").click()
    available, chosen = (admin.get_by_label(f"{which} permissions", exact=True) for which in ("Available", "Chosen"))
    admin.get_by_label("Name").fill("writers")
    available.select_option(label=["accounts.add_user", "accounts.view_user"])
    admin.get_by_role("button", name="Add", exact=True).click()
    save(admin)

    row(admin, "writers", "pen-to-square")
    expect(chosen.locator("option")).to_have_text(["accounts.add_user", "accounts.view_user"])
    admin.get_by_label("Name").fill("authors")
    save(admin)
    row(admin, "authors", "pen-to-square")
    chosen.select_option(label="accounts.add_user")
    admin.get_by_role("button", name="Remove", exact=True).click()
    save(admin)
    row(admin, "authors")
    expect(admin.locator("tbody")).to_contain_text("(accounts.view_user)")
    expect(admin.locator("tbody")).not_to_contain_text("accounts.add_user")


def test_without_scripts_the_permissions_are_one_list(chromium: Browser, served: Server) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/admin/group/create")
    enter(page)
    page.get_by_label("Name").fill("plain")
    page.get_by_label("Permissions").select_option(label=["accounts.view_user", "accounts.view_group"])
    save(page)
    row(page, "plain")
    expect(page.locator("tbody")).to_contain_text("(accounts.view_group) (accounts.view_user)")
    context.close()


def test_what_is_refused_is_said_where_one_is(admin: Page, browse: Browse) -> None:
    browse.expect("status of 400", "status of 409")
    open_menu(admin, "Users")
    admin.get_by_role("link", name="New User").click()
    for label, value in {"Username": "bob", "E-mail": "bob@example.com", "Password": "12345"}.items():
        admin.get_by_label(label).fill(value)
    save(admin)
    expect(admin.get_by_role("alert")).to_contain_text("This password is too short.")
    expect(admin.get_by_label("Username")).to_have_value("bob")

    open_menu(admin, "Users")
    row(admin, USERNAME, "trash")
    admin.locator("#modal-delete-text", has_text="permanently delete").wait_for()
    said = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.accept()

    admin.once("dialog", hear)
    with admin.expect_event("dialog"):
        admin.locator("#modal-delete-button").click()
    assert said == ["This is the last superuser. Make another one first"]


def test_on_a_phone_the_filters_stand_below_the_table(browse: Browse, served: Server) -> None:
    page = browse(f"{served.url}/admin/user/list", width=390)
    enter(page)

    # In one look: between two the page may move, until its styles are there.
    page.wait_for_selector("#filter-sidebar")
    page.wait_for_function("""() => {
        const [table, filters] = ["table", "#filter-sidebar"].map(
            part => document.querySelector(part).getBoundingClientRect());
        return filters.top > table.bottom && filters.width > 300;
    }""")


LONG = {"username": "g" * 150, "email": f"{'a' * 60}@{'b' * 60}.example.com", "full_name": "Grace Hopper " * 11}
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64)" * 10
PAGES = (
    *("/admin/", "/admin/user/list", "/admin/group/list", "/admin/permission/list", "/admin/session/list"),
    *("/admin/audit-entry/list", "/admin/audit-entry/list?sortBy=at&sort=asc"),
)
FITS = """width => innerWidth === width
    && [document.documentElement, ...document.querySelectorAll(".table-responsive")].every(
        part => part.scrollWidth <= part.clientWidth)"""
PAGE_FITS = "width => innerWidth === width && document.documentElement.scrollWidth <= width"


def fill_with_long_values(served: Server) -> None:
    with connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        client.post("/users", json={**LONG, "password": PASSWORD}, headers=headers).raise_for_status()
        client.post("/groups", json={"name": "W" * 150, "permissions": []}, headers=headers).raise_for_status()
        client.headers["User-Agent"] = USER_AGENT
        log_in(client, LONG["username"]).raise_for_status()


def test_long_values_make_no_page_wider_than_a_laptop_or_a_phone(browse: Browse, with_long_values: Server) -> None:
    """On a phone, a table scrolls by itself."""
    page = browse(f"{with_long_values.url}/admin/user/list")
    enter(page)
    row(page, LONG["username"])
    expect(page.locator(".page-pretitle")).to_have_text(LONG["username"])
    for path in (page.url, *(f"{with_long_values.url}{path}" for path in (*PAGES, "/admin/background-job/list"))):
        for width, condition in ((1280, FITS), (390, PAGE_FITS)):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(path)
            page.wait_for_function(condition, arg=width)


def test_a_cut_value_is_in_the_title(browse: Browse, with_long_values: Server) -> None:
    page = browse(f"{with_long_values.url}/admin/user/list")
    enter(page)
    cell = page.get_by_title(LONG["username"])
    expect(cell).to_have_text(LONG["username"])
    assert cell.evaluate("cell => cell.scrollHeight > cell.clientHeight"), "it is cut"
    expect(page.locator("tr", has_text=EMAIL).locator("td").nth(8)).to_have_text(re.compile(r"\d+-\d+-\d+ .* UTC"))


def test_a_wrong_password_is_told_on_the_form(browse: Browse, served: Server) -> None:
    browse.expect("status of 400")
    page = browse(f"{served.url}/admin/session/list")
    try_to_enter(page, password="wrong")
    expect(page.get_by_role("alert")).to_have_text("Incorrect username or password")
    enter(page)

    expect(page.locator(".card-title").first).to_have_text("Sessions")


FORM = """<!DOCTYPE html><link rel="icon" href="data:,">
<form method="post" action="{url}/admin/group/create"><input name="name" value="intruders"></form>
"""


def test_a_form_of_another_site_changes_nothing(admin: Page, browse: Browse, served: Server) -> None:
    """A logged-in browser really sends the request, from a page of another origin."""
    browse.expect("status of 403")
    html = FORM.format(url=served.url)
    admin.context.route("http://evil.localhost/", lambda route: route.fulfill(body=html, content_type="text/html"))
    evil = browse("http://evil.localhost/")
    evil.evaluate("document.forms[0].submit()")
    expect(evil.locator("main")).to_contain_text("This request came from another site.")

    open_menu(admin, "Groups")
    expect(admin.locator("tbody")).not_to_contain_text("intruders")


NOTES = {
    "__init__": "",
    "models": """
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Note(Base):
    __tablename__ = "notes_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    api_key: Mapped[str] = mapped_column(default="tr0ub4dor", info={"secret": True})
""",
    "admin": """
from app.admin import ModelAdmin
from app.notes.models import Note


class NoteAdmin(ModelAdmin, model=Note): ...
""",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def with_notes(request: pytest.FixtureRequest, copy: Service, tmp_path: Path) -> Service:
    app = copy.project / "app" / "notes"
    app.mkdir()
    for name, text in NOTES.items():
        (app / f"{name}.py").write_text(text, encoding="utf-8")
    if request.param == "sqlite":
        return copy
    cluster: PostgreSQL = request.getfixturevalue("cluster")
    return Service(copy.project, copy.python, {"DATABASE_URL": cluster.create_database(tmp_path.name)})


def test_an_app_brings_a_page_of_its_own(with_notes: Service) -> None:
    with_notes.manage("migrate")
    with_notes.manage("makemigrations", "--name", "notes")
    prepare(with_notes)
    with serve(with_notes) as served, connect(served) as client:
        client.post("/admin/login", data={"username": USERNAME, "password": PASSWORD})
        assert client.get("/admin/note/create").status_code == 200
        created = client.post("/admin/note/create", data={"text": "Remember the milk", "save": "Save"})
        assert created.headers["Location"].endswith("/admin/note/list")
        listed = client.get("/admin/note/list?sortBy=id&sort=desc").raise_for_status().text
        details = client.get("/admin/note/details/1").raise_for_status().text
        assert ("Remember the milk" in listed, "tr0ub4dor" in listed + details) == (True, False)
        for key in ("2", "x", "-1", "1e3", "99999999999", "9" * 30):
            assert client.get(f"/admin/note/details/{key}").status_code == 404, key
        assert client.delete("/admin/note/delete?pks=1").is_success
        log = client.get("/admin/audit-entry/export/json").json()
    told = [(entry["actor"], entry["action"]) for entry in log if entry["model"] == "notes.note"]
    assert sorted(told) == [(USERNAME, "add"), (USERNAME, "delete")]
    assert "tr0ub4dor" not in str(log)


@pytest.mark.weekly  # with mypy, which has to look at nearly all anew
def test_a_project_can_do_without_the_site(copy: Service) -> None:
    """What is done is still written down."""
    copy.manage("removeapp", "admin", "--yes")
    suite = ("tests/accounts/test_audit.py", "tests/core/test_registry.py")
    for command in (("mypy",), ("pytest", "-q", *suite)):
        done = copy.run("-m", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    prepare(copy)
    assert copy.manage("makemigrations", "--check") == "No changes detected.\n"
    with serve(copy) as served, connect(served) as client:
        assert client.get("/admin/").status_code == 404
        assert log_in(client).status_code == 200
