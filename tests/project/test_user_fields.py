"""Own fields of users: the lines in `UserFields` and one migration are enough for all places where they show."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.conftest import on_new_database
from tests.kit.admin_site import enter, row, save
from tests.kit.browser import Browse
from tests.kit.servers import Server
from tests.kit.services import LINTERS, PASSWORD, Service, bearer, connect, log_in, prepare, serve

IMPORTS = """
import datetime as dt
import enum
from decimal import Decimal
from inspect import get_annotations
from typing import Any, Literal

from sqlalchemy import Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.web import WebAddress
"""
THEME = """class Theme(enum.StrEnum):
    LIGHT = "light"
    DARK = "dark"


class UserFields:
"""
FIELDS = """
    bio: Mapped[str] = mapped_column(
        String(500), default="", info=shown("api", "registration", "profile", "admin", example="I fell.")
    )
    site: Mapped[str | None] = mapped_column(String(2083), info=shown("api", "profile", "admin", schema=WebAddress))
    theme: Mapped[Theme] = mapped_column(default=Theme.LIGHT, info=shown("api", "profile", "admin"))
    born: Mapped[dt.date | None] = mapped_column(info=shown("profile"))
    limit: Mapped[Decimal | None] = mapped_column(Numeric(8, 2), info=shown("api", "admin"))
    code: Mapped[str] = mapped_column(String(20), default="", info=shown("registration") | {"secret": True})
    inner: Mapped[str] = mapped_column(String(20), default="hush")
"""
SHOWN = {"bio": "", "site": None, "theme": "light", "limit": None}

# What an app does with them. mypy knows their types.
APP = """from app.accounts import CurrentUser
from fastapi import APIRouter

router = APIRouter(prefix="/greeting", tags=["greeting"])


@router.get("")
async def greet(user: CurrentUser) -> str:
    return f"{user.bio.upper()} {user.theme.value} {user.limit or 10:.1f} {user.inner}"
"""
SUITES = ("tests/accounts", "tests/admin", "tests/core/web/test_openapi.py", "tests/core/audit")


@pytest.fixture(scope="module")
def extended(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    project = tmp_path_factory.mktemp("extended") / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    file = project / "app" / "accounts" / "fields.py"
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"\nfrom inspect.*Literal\n", lambda _: IMPORTS, text, flags=re.DOTALL)
    text = text.replace("class UserFields:\n", THEME).replace("\n\n\nOWN_FIELDS", f"\n{FIELDS}\n\nOWN_FIELDS")
    file.write_text(text, encoding="utf-8")
    (project / "app" / "greeting").mkdir()
    (project / "app" / "greeting" / "__init__.py").touch()
    (project / "app" / "greeting" / "routes.py").write_text(APP, encoding="utf-8")
    service = Service(project, plain.python)
    service.manage("makemigrations", "--name", "add_fields")
    service.run("-m", "ruff", "check", "--fix", "--quiet", ".")  # the order of imports
    return service


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, extended: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return prepare(on_new_database(request, extended, tmp_path_factory.mktemp("users"), "user_fields"))


@pytest.fixture(scope="module")
def served(migrated: Service) -> Iterator[Server]:
    with serve(migrated) as served:
        yield served


@pytest.fixture
def client(served: Server) -> Iterator[httpx.Client]:
    with connect(served) as client:
        yield client


def register(client: httpx.Client, name: str, **fields: Any) -> httpx.Response:
    new = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, **fields}
    return client.post("/users", json=new)


def headers(client: httpx.Client, name: str = "ada") -> dict[str, str]:
    return bearer(log_in(client, name).raise_for_status().json()["access_token"])


def own(answer: httpx.Response) -> dict[str, Any]:
    values = answer.raise_for_status().json()
    assert values.keys().isdisjoint({"born", "code", "inner"})
    return {name: values[name] for name in SHOWN}


@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_they_are_clean_to(extended: Service, linter: tuple[str, ...]) -> None:
    done = extended.run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_the_project_passes_its_tests(extended: Service) -> None:
    done = extended.run("-m", "pytest", "-q", *SUITES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tables_are_in_step(migrated: Service) -> None:
    migrated.manage("makemigrations", "--check")
    assert migrated.manage("check") == "No problems found.\n"


def test_users_register_and_change_them(client: httpx.Client) -> None:
    new = register(client, "grace", bio="I fell.", code="A1", theme="dark", inner="x")
    assert own(new) == {**SHOWN, "bio": "I fell."}  # what the registration does not take is ignored

    mine = headers(client, "grace")
    changes = {"site": "https://example.com", "theme": "dark", "born": "1906-12-09", "limit": "99", "inner": "x"}
    expected = {"bio": "I fell.", "site": "https://example.com/", "theme": "dark", "limit": None}
    assert own(client.patch("/users/me", json=changes, headers=mine)) == expected
    assert own(client.patch("/users/me", json={"bio": None}, headers=mine)) == expected
    assert own(client.get("/users/me", headers=mine)) == expected
    assert own(client.patch("/users/me", json={"site": None}, headers=mine))["site"] is None
    assert client.get("/greeting", headers=mine).json() == "I FELL. dark 10.0 hush"


@pytest.mark.parametrize(
    "changes", [{"bio": "x" * 501}, {"bio": "\0"}, {"site": "none"}, {"theme": "pink"}, {"born": "then"}]
)
def test_what_does_not_fit_is_422(client: httpx.Client, changes: dict[str, str]) -> None:
    answer = client.patch("/users/me", json=changes, headers=headers(client))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", *changes]


def test_staff_see_and_change_them(client: httpx.Client) -> None:
    user = register(client, "mary").json()
    staff = headers(client)
    path = f"/users/{user['id']}"
    changed = own(client.patch(path, json={"limit": "99.50", "bio": "Old.", "born": "1815-12-10"}, headers=staff))
    assert changed == {**SHOWN, "limit": "99.50", "bio": "Old."}
    assert own(client.get(path, headers=staff)) == changed
    assert SHOWN.keys() <= client.get("/users", headers=staff).json()["items"][0].keys()
    for limit in ("1000000", "0.001", "NaN"):
        assert client.patch(path, json={"limit": limit}, headers=staff).status_code == 422


def test_the_document_has_their_limits(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    fields = {
        name: schemas[name]["properties"].keys() & {*SHOWN, "born", "code", "inner"}
        for name in ("UserRead", "UserRegister", "ProfileUpdate", "UserUpdate")
    }
    assert fields == {
        "UserRead": {*SHOWN},
        "UserRegister": {"bio", "code"},
        "ProfileUpdate": {"bio", "site", "theme", "born"},
        "UserUpdate": {*SHOWN},
    }
    bio = schemas["ProfileUpdate"]["properties"]["bio"]
    assert ({"type": "string", "maxLength": 500} in bio["anyOf"], bio["examples"]) == (True, ["I fell."])


def test_the_admin_site_has_them(client: httpx.Client, browse: Browse, served: Server) -> None:
    page = browse(f"{served.url}/admin/user/create")
    enter(page)
    for label, value in {"Username": "katherine", "E-mail": "k@example.com", "Bio": "Orbits."}.items():
        page.get_by_label(label).fill(value)
    for absent in ("Theme", "Code", "Inner"):
        expect(page.get_by_label(absent)).to_have_count(0)
    page.get_by_label("Password").fill(PASSWORD)
    save(page)
    row(page, "katherine", "pen-to-square")
    expect(page.get_by_label("Bio")).to_have_value("Orbits.")
    expect(page.get_by_label("Inner")).to_have_count(0)
    page.get_by_label("Theme").select_option("DARK")
    page.get_by_label("Site").fill("https://example.com/k")
    save(page)
    row(page, "katherine")
    for text in ("Orbits.", "https://example.com/k", "dark"):
        expect(page.locator("tbody").first).to_contain_text(text, ignore_case=True)
    assert own(client.get("/users/me", headers=headers(client, "katherine")))["theme"] == "dark"

    page.goto(f"{served.url}/admin/audit-entry/list")
    row(page, "change accounts.user katherine")
    for text in ("site: nothing → https://example.com/k", "theme: LIGHT → DARK"):
        expect(page.locator("tbody")).to_contain_text(text)
