"""The admin site with models as people write them: a column of each type, and keys and tables of each kind.

The models are in `tests/kit/zoo`. PostgreSQL has those that only it can hold, too.
"""

import csv
import html
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import on_new_database
from tests.kit.apps import ZOO, add_aviary, add_zoo
from tests.kit.servers import PostgreSQL, Server
from tests.kit.services import PASSWORD, USERNAME, Service, connect, prepare, serve

PAGES = [
    *("animal", "country", "everything", "member", "moment", "node", "product", "review", "square", "stamp", "team"),
    *("ticket", "truck", "vehicle"),
]
SPECIAL = "a/b;c,d?é#%25 &~"
REQUIRED = {
    "label": "made",
    "small": "1",
    "ratio": "0",
    "settings": "{}",
    "danger": "none",
    "place_x": "0",
    "place_y": "0",
}

# What an edit of one field writes, as the audit log tells it.
EDITS: dict[str, dict[str, tuple[Any, Any]]] = {
    "everything": {
        "label": ("Part", ["Whole ", "Part"]),
        "note": ("n", ["", "n"]),
        "maybe": ("m", ["", "m"]),
        "whole": ("8", [-5, 8]),
        "big": (str(2**62), [2**40, 2**62]),
        "ratio": ("2.5", ["1e-07", "2.5"]),
        "price": ("2.5", ["1.250", "2.5"]),
        "tristate": ("__None", [False, None]),
        "day": ("", ["2026-01-02", None]),
        "clock": ("09:31", ["09:30:15.000250", "09:31:00"]),
        "naive": ("2026-01-01 00:00:00", ["2026-01-02T03:04:05.006789", "2026-01-01T00:00:00"]),
        "span": ("0", ["1 day, 0:00:02.000003", "0:00:00"]),
        "extra": ("[false]", ["[]", "[False]"]),
        "settings": ('{"b": 0}', ["{'a': [1]}", "{'b': 0}"]),
        "token": ("", ["00000000-0000-0000-0000-000000000001", None]),
        "color": ("red", ["DARK_GREEN", "RED"]),
        "native": ("__None", ["meat", None]),
        "danger": ("none", ["bites", "none"]),
        "essay": ("short", ["short"]),  # nobody has read the old one
        "metadata_": ("x", ["=1+1", "x"]),
        "shown": ("x", ["s", "x"]),
        "data": ("x", ["d", "x"]),
    },
    "bird": {
        "tags": (["x y", "é"], ["['a,b', 'c']", "['x y', 'é']"]),
        "facts": ('{"a": 1}', ["{'a': ['é'], 'b': None}", "{'a': 1}"]),
        "address": ("::1", ["192.0.2.7", "::1"]),
        "weight": ("0.5", ["0.1", "0.5"]),
    },
}
UNFIT = {
    "small": ["40000", "100", "x", "9" * 5000],  # a CHECK forbids 100
    "whole": [str(2**31), "1.5"],
    "big": [str(2**63)],
    "ratio": ["nan", "inf", "1e400", "x"],
    "price": ["NaN", "sNaN", "Infinity", "123456", "1e999999", "x"],
    "cents": ["9" * 30, "x"],
    "day": ["2026-02-30", "99999-01-01", "x"],
    "clock": ["25:00", "x"],
    "moment": ["2026-01-01", "x"],
    "span": ["999999999999 days", "x"],
    "extra": ["{", "NaN", "[1e999]", "[" * 5000, '"\\ud800"'],
    "token": ["x"],
    "color": ["RED", "stone"],
    "danger": ["0", ""],
    "label": ["x" * 21, "", "forbidden"],
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def zoo(request: pytest.FixtureRequest, plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    folder = tmp_path_factory.mktemp("zoo")
    ignored = shutil.ignore_patterns(".*_cache", "*.sqlite3*")
    zoo = Service(shutil.copytree(plain.project, folder / "copy", ignore=ignored), plain.python)
    add_zoo(zoo)
    shutil.copy(ZOO / "admin.py", zoo.project / "app" / "zoo")
    zoo = on_new_database(request, zoo, folder, "zoo")
    if request.param == "postgresql":
        add_aviary(zoo)
        shutil.copy(ZOO / "postgresql_admin.py", zoo.project / "app" / "aviary" / "admin.py")
    zoo.manage("makemigrations", "--name", "zoo")
    prepare(zoo)
    done = zoo.run("-c", (ZOO / "seed.py").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr
    return zoo


@pytest.fixture(scope="module")
def served(zoo: Service) -> Iterator[Server]:
    with serve(zoo) as served:
        yield served


@pytest.fixture
def admin(served: Server) -> Iterator[httpx.Client]:
    """A client that is logged in to the site. Each answer must be no error of the server."""
    with connect(served) as client:
        client.post("/admin/login", data={"username": USERNAME, "password": PASSWORD})
        client.event_hooks = {"response": [lambda answer: _answered(answer)]}
        yield client


def _answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}"


@pytest.fixture
def pages(zoo: Service) -> list[str]:
    return [*PAGES, "bird", "nest"] if (zoo.project / "app" / "aviary").exists() else PAGES


def filled(page: httpx.Response) -> dict[str, list[str]]:
    """Return the data that a browser would send for an unchanged form."""
    data: dict[str, list[str]] = {}
    for tag in re.findall("<input[^>]*>", page.text):
        attributes = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        is_box = attributes.get("type") == "checkbox"
        if (
            (name := attributes.get("name"))
            and attributes.get("type") != "submit"
            and (" checked" in tag or not is_box)
        ):
            data[name] = ["y" if is_box else attributes.get("value", "")]
    for name, text in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>(.*?)</textarea>', page.text, re.DOTALL):
        data[name] = [html.unescape(text).lstrip("\r\n")]
    for opening, inner in re.findall("<select([^>]*)>(.*?)</select>", page.text, re.DOTALL):
        attributes = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', opening)}
        options = re.findall(r'<option( selected)?(?: value="(.*?)")?>(.*?)</option>', inner)
        chosen = [html.unescape(value or label) for is_chosen, value, label in options if is_chosen]
        if "name" in attributes:
            first = [] if " multiple" in opening else [options[0][1]]
            tags = json.loads(attributes["data-json"]) if "data-json" in attributes else None
            data[attributes["name"]] = tags or chosen or first
    return data


def links(admin: httpx.Client, page: str, kind: str) -> list[str]:
    listed = admin.get(f"/admin/{page}/list", params={"pageSize": 100}).raise_for_status().text
    return [html.unescape(link) for link in re.findall(rf'href="([^"]*/{kind}/[^"]*)"', listed)]


def keys(admin: httpx.Client, page: str) -> list[str]:
    """Return the keys as the page's script puts them together."""
    listed = admin.get(f"/admin/{page}/list", params={"pageSize": 100}).raise_for_status().text
    return [html.unescape(key) for key in re.findall(r'<input type="hidden" value="([^"]*)">', listed)]


def told(admin: httpx.Client) -> list[dict[str, Any]]:
    """Return all changes of which the log tells, the newest first."""
    return [
        each["changes"] for each in admin.get("/admin/audit-entry/export/json").json() if each["action"] == "change"
    ]


def test_every_page_opens_and_an_edit_without_a_change_writes_nothing(admin: httpx.Client, pages: list[str]) -> None:
    before = told(admin)
    for page in pages:
        opened = links(admin, page, "edit")
        assert opened, page
        for link in (f"/admin/{page}/create", *links(admin, page, "details")):
            assert admin.get(link).status_code == 200, link
        for link in opened:
            shown = admin.get(link).raise_for_status()
            assert admin.post(link, data=filled(shown) | {"save": ["Save"]}).status_code == 302, link
    assert told(admin) == before


@pytest.mark.parametrize("page", EDITS)
def test_an_edit_writes_one_field(admin: httpx.Client, pages: list[str], page: str) -> None:
    if page not in pages:
        pytest.skip("only PostgreSQL has this model")
    link = next(link for link in links(admin, page, "edit") if "Bare" not in admin.get(link).text)
    for name, (value, change) in EDITS[page].items():
        before = told(admin)
        data = filled(admin.get(link).raise_for_status())
        answer = admin.post(link, data=data | {name: value, "save": ["Save"]})
        assert answer.status_code == 302, name
        new = told(admin)
        assert len(new) == len(before) + 1, name
        assert {name: change} in new, name


def test_a_value_that_a_form_cannot_show_stays(admin: httpx.Client) -> None:
    (link,) = links(admin, "everything", "edit")[:1]
    page = admin.get(link).text

    assert page.count("A form cannot show this value. It stays as it is.") == 2, "words and cents"
    assert 'name="raw"' not in page


@pytest.mark.parametrize("name", UNFIT)
def test_a_value_that_does_not_fit_is_refused_on_the_form(admin: httpx.Client, name: str) -> None:
    for value in UNFIT[name]:
        answer = admin.post("/admin/everything/create", data=REQUIRED | {name: value, "save": "Save"})
        assert (answer.status_code, answer.text.count("Traceback")) == (400, 0), value[:20]
        assert re.search('invalid-feedback|role="alert"', answer.text), value[:20]


def test_defaults_that_only_the_database_knows_are_left_to_it(admin: httpx.Client) -> None:
    form = REQUIRED | {"label": "defaults", "moment": "", "stamp": "", "copied": "", "save": "Save"}
    assert admin.post("/admin/everything/create", data=form).status_code == 302
    (made,) = [each for each in admin.get("/admin/everything/export/json").json() if each["label"] == "defaults"]
    assert (made["copied"], made["moment"][:2], made["stamp"][:2]) == ("defaults", "20", "20")
    assert admin.delete("/admin/everything/delete", params={"pks": made["id"]}).is_success


@pytest.mark.parametrize("page", ["everything", "animal", "bird"])
def test_every_filter_takes_any_text(admin: httpx.Client, pages: list[str], page: str) -> None:
    if page not in pages:
        pytest.skip("only PostgreSQL has this model")
    names = set(re.findall(r'name="(\w+)_op"', admin.get(f"/admin/{page}/list").raise_for_status().text))
    assert len(names) > 4
    for name in names:
        for operation, value in (
            ("equals", "x"),
            ("contains", "1"),
            ("greater_than", "9" * 30),
            ("less_than", "2026-01-01T00:00:00+02:00"),
            ("equals", "nan"),
        ):
            query = {name: value, f"{name}_op": operation}
            assert admin.get(f"/admin/{page}/list", params=query).status_code == 200, query


@pytest.mark.parametrize(
    ("name", "operation", "value", "is_found"),
    [
        ("moment", "less_than", "2026-01-03", True),
        ("moment", "greater_than", "2026-01-02T03:04:05+02:00", True),
        ("moment", "less_than", "2026-01-02T03:04:05+02:00", False),
        ("naive", "less_than", "2026-01-03", True),
        ("day", "equals", "2026-01-03", False),
        ("big", "greater_than", "1099511627775", True),
        ("flag", "equals", "yes", True),
        ("danger", "equals", "bites", True),
        ("color", "equals", "dark'green", True),
        ("label", "contains", "IXE", True),
        ("label", "contains", "%", False),
        ("clock", "less_than", "09:31", True),
        ("cents", "greater_than", "12", True),
    ],
)
def test_a_filter_finds(admin: httpx.Client, name: str, operation: str, value: str, is_found: bool) -> None:
    found = admin.get("/admin/everything/list", params={name: value, f"{name}_op": operation}).text
    assert (">Fixed<" in found) == is_found


def test_keys_may_have_any_characters(admin: httpx.Client) -> None:
    codes = ["x,y", "a/b/c?", "100%", "~7E", "é è", "a;b\\c", "#1", '"q"', "+ &=", "..x"]
    for code in codes:
        form = {"code": code, "name": "New", "save": "Save and continue editing"}
        made = admin.post("/admin/country/create", data=form)
        assert made.status_code == 302, code
        shown = admin.get(made.headers["Location"]).raise_for_status()
        assert 'name="code"' not in shown.text
        data = filled(shown) | {"name": ["Changed"], "save": ["Save"]}
        assert admin.post(made.headers["Location"], data=data).status_code == 302, code
    assert {SPECIAL, "", *codes} == {each["code"] for each in admin.get("/admin/country/export/json").json()}

    gone = [key for key in keys(admin, "country") if not key.startswith("a/b;c")]
    assert admin.delete(f"/admin/country/delete?pks={','.join(gone)}").is_success
    assert [each["code"] for each in admin.get("/admin/country/export/json").json()] == [SPECIAL]


@pytest.mark.parametrize(
    ("page", "key"),
    [
        ("everything", "x"),
        ("everything", str(2**63)),
        ("ticket", "a;b"),
        ("ticket", "de;2026-01-01;1;2"),
        ("ticket", "de;2026-01-01;9999999999"),
        ("moment", "2026-01-01;meat;x"),
        ("moment", "2026-01-01;stone"),
        ("moment", "2027-01-01;meat"),
        ("country", "x" * 9000),
    ],
)
def test_a_key_that_is_none_is_not_found(admin: httpx.Client, page: str, key: str) -> None:
    for kind in ("details", "edit"):
        assert admin.get(f"/admin/{page}/{kind}/{quote(key, safe='')}").status_code == 404
    assert admin.delete(f"/admin/{page}/delete", params={"pks": key}).status_code == 404


def test_keys_of_each_kind_are_typed_or_made(admin: httpx.Client) -> None:
    product = keys(admin, "product")[0]
    for page, form in {
        "ticket": {"country": SPECIAL, "day": "2026-05-05", "number": "5"},
        "moment": {"at": "2026-05-05 01:02:03", "kind": "grass"},
        "stamp": {"kind": "grass"},
        "review": {"product_id": product, "text": "bad"},
        "truck": {"name": "t", "load": "1"},
        "square": {"side": "2"},
    }.items():
        made = admin.post(f"/admin/{page}/create", data=form | {"save": "Save and continue editing"})
        assert made.status_code == 302, page
        assert admin.get(made.headers["Location"]).status_code == 200, page
        again = admin.post(f"/admin/{page}/create", data=form | {"save": "Save"})
        assert again.status_code == (400 if page in ("ticket", "moment") else 302), page


def test_every_type_is_exported_and_nothing_as_a_formula(admin: httpx.Client, pages: list[str]) -> None:
    for page in pages:
        rows = list(csv.reader(io.StringIO(admin.get(f"/admin/{page}/export/csv").raise_for_status().text)))
        assert len(rows) > 1, page
        assert len(admin.get(f"/admin/{page}/export/json").json()) == len(rows) - 1
        for cell in (cell for row in rows for cell in row if cell[:1] in "=+-@" and cell):
            float(cell)  # a number is no formula


def test_check_names_what_has_no_field(zoo: Service) -> None:
    done = zoo.run("manage.py", "check")
    said = done.stdout + done.stderr
    assert "admin.I001: The forms of EverythingAdmin have no field for raw (LargeBinary)." in said
    if "aviary" in {path.name for path in (zoo.project / "app").iterdir()}:
        named = set(re.findall(r"BirdAdmin have no field for (\w+)", said))
        assert named == {"sizes", "friends", "grid", "wakes", "words", "away"}


def test_all_rows_move_to_another_database_and_back(zoo: Service, cluster: PostgreSQL, tmp_path: Path) -> None:
    """From SQLite to PostgreSQL and back, and from PostgreSQL, whose types SQLite lacks, to PostgreSQL."""
    urls = [cluster.create_database(f"moved_{tmp_path.name}")]
    if "postgresql" not in zoo.env["DATABASE_URL"]:
        urls.append(f"sqlite:///{tmp_path}/back.sqlite3")
    first = previous = zoo.manage("dumpdata")
    for url in urls:
        other = zoo.with_env(DATABASE_URL=url)
        other.manage("migrate")
        done = other.run("manage.py", "loaddata", "--yes", "-", keyboard=previous)
        assert done.returncode == 0, done.stderr
        previous = other.manage("dumpdata")
        assert sorted(previous.splitlines()) == sorted(first.splitlines())


def test_every_row_can_be_deleted(admin: httpx.Client, pages: list[str]) -> None:
    """Last, since the others need the rows. The team and its captain need each other."""
    for page in ("ticket", "review", *pages):
        if page not in ("team", "member") and (named := keys(admin, page)):
            answer = admin.delete(f"/admin/{page}/delete?pks={','.join(named)}")
            assert answer.is_success, (page, answer.text)
            assert keys(admin, page) == []
    assert admin.delete(f"/admin/team/delete?pks={keys(admin, 'team')[0]}").status_code == 409
