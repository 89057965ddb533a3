"""`startapp` makes apps in a new project: all types and modifiers. They must pass all checks of the project."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import on_new_database
from tests.kit.admin_site import enter, row, save
from tests.kit.browser import Browse
from tests.kit.servers import PostgreSQL, Server
from tests.kit.services import LINTERS, Service, bearer, connect, create_superuser, log_in, prepare, serve

# The tests that call every route or look at all apps.
SUITES = (
    "tests/test_nul.py",
    "tests/accounts/authentication/test_forgeries.py",
    "tests/accounts/permissions/test_required.py",
    "tests/core/cli/commands/test_startapp.py",
    "tests/core/web/test_openapi.py",
    "tests/core/test_registry.py",
)

# Without fields: names of the usual length, and names that fold lines. With fields: every type and every modifier,
# references to users, to another app and to itself, rows with owners. And an app with nothing in it.
APPS = (
    "blog --model Post",
    "notification_settings",
    "tags name:str:50:unique:search colour:slug:index:optional",
    "articles title:str:200:search slug:slug:unique body:text:optional published_at:datetime:optional:index"
    " status:enum:draft,published price:decimal:10,2:index weight:float done:bool author:ref:accounts.User"
    " main:ref:tags.Tag:restrict tags:many:tags.Tag",
    "people --model Person --plural people nick:str:3:optional:search:unique mail:email:unique:search"
    " site:url:optional:unique birth:date date:date:optional:unique extra:json sizes:json:optional token:uuid:unique"
    " level:int:index rating:float:unique at:datetime:unique count:int:unique data:text type:str:400:index:unique"
    " maybe:bool:optional mood:enum:calm,very-angry:optional:index score:decimal:3,3:unique"
    " badge:ref:tags.Tag:unique:cascade"
    " mentor:ref:people.Person:setnull:optional friends:many:people.Person editor:ref:accounts.User:optional"
    " reviewer:ref:accounts.User:optional:restrict secret:slug:search:optional",
    "albums --owned title:str:80:unique day:date:index:optional",
    "photos --owned caption:str:80:search slug:slug:unique:search album:ref:albums.Album also:many:albums.Album"
    " parent:ref:photos.Photo:optional:cascade backer:ref:accounts.User:optional price:int:index",
    "testimonials target:ref:albums.Album note:str",
    "empty --bare",
)

# One line for each, and nothing is written.
WRONG = (
    "blog",
    "users",
    "journal --model Page",
    "journal title",
    "journal title:string",
    "journal title:str:0",
    "journal title:str title:text",
    "journal class:str",
    "journal id:uuid",
    "journal created_at:datetime",
    "journal metadata:json",
    "journal copy:bool",
    "journal str:str",
    "journal self:str",
    f"journal {'a' * 31}:str",
    "journal done:bool:search",
    "journal tags:many:tags.Tag:unique",
    "journal author:ref:accounts.User:setnull",
    "journal author:ref:accounts.User:cascade:restrict",
    "journal author:ref:accounts.Author",
    "journal author:ref:accounts.Session",
    "journal before:ref:journal.Journal",
    "journal status:enum:draft",
    "journal price:decimal:16,2",
    "journal name:str:500:unique",
    "journal --bare title:str",
)


@dataclass(frozen=True)
class Made:
    """A project with apps."""

    service: Service
    apps: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [app.split()[0] for app in self.apps]

    @property
    def tests(self) -> list[str]:
        return [f"tests/{name}" for name in self.names]


def make(plain: Service, folder: Path, apps: tuple[str, ...]) -> Made:
    """There is no database, and the command makes none."""
    shutil.copytree(plain.project, folder / "copy", ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    service = Service(folder / "copy", plain.python)
    for app in apps:
        said = service.manage("startapp", *app.split())
        assert f"Wrote app/{app.split()[0]}/__init__.py\n" in said
    assert not list(service.project.glob("*.sqlite3*"))
    return Made(service, apps)


@pytest.fixture(scope="module")
def made(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(plain, tmp_path_factory.mktemp("made"), APPS)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return prepare(on_new_database(request, made.service, tmp_path_factory.mktemp("made"), "made"))


@pytest.fixture(scope="module")
def served(migrated: Service) -> Iterator[Server]:
    with serve(migrated) as served:
        yield served


@pytest.fixture
def client(served: Server) -> Iterator[httpx.Client]:
    """The superuser."""
    with connect(served) as client:
        client.headers.update(bearer(log_in(client).raise_for_status().json()["access_token"]))
        yield client


@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_new_apps_are_clean_to(made: Made, linter: tuple[str, ...]) -> None:
    passes(made.service.run(*linter))


def test_their_tests_pass_and_those_that_ask_every_route(made: Made) -> None:
    passes(made.service.run("-m", "pytest", "-q", *made.tests, *SUITES))


@pytest.mark.weekly
def test_their_tests_pass_on_postgresql(made: Made, cluster: PostgreSQL) -> None:
    passes(made.service.run("-m", "pytest", "-q", *made.tests, TEST_DATABASE_URL=cluster.url))


def test_their_migrations_are_what_makemigrations_would_write(made: Made, migrated: Service) -> None:
    assert migrated.manage("makemigrations", "--check") == "No changes detected.\n"
    count = len(list((migrated.project / "app/migrations/versions").glob("0*.py")))
    assert count == len([app for app in made.apps if "--bare" not in app])
    assert migrated.manage("migrate", "project@zero").count("Unapplied") == count
    assert migrated.manage("migrate").count("Applied") == count


def test_seeds_of_one_number_are_the_same_rows_on_both_databases(
    made: Made, cluster: PostgreSQL, tmp_path: Path
) -> None:
    found = []
    for url in (f"sqlite:///{tmp_path}/seeded.sqlite3", cluster.create_database("seeded")):
        service = made.service.with_env(DATABASE_URL=url)
        service.manage("migrate")
        said = service.run("manage.py", "seed", "--seed", "7", "--count", "5")
        assert said.returncode == 0, said.stderr
        assert {line.split()[0] for line in said.stdout.splitlines()[:-1]} == MODELS
        found.append(seeded(service))
        passes(service.run("manage.py", "seed", "photos.Photo", "people.Person"))
    assert found[0] == found[1]
    with serve(service) as served, connect(served) as client:
        create_superuser(service)
        client.headers.update(bearer(log_in(client).raise_for_status().json()["access_token"]))
        for path in ("/articles", "/tags", "/people", "/testimonials", "/blog"):  # what was made is as the schemas say
            assert client.get(path).raise_for_status().json()["total"] >= 5
        assert log_in(client, "user1", "correct horse battery staple").status_code == 200


MODELS = {
    *("accounts.Group", "accounts.User"),
    *("albums.Album", "articles.Article", "blog.Post", "notification_settings.NotificationSetting"),
    "testimonials.Testimonial",
    *("people.Person", "photos.Photo", "tags.Tag"),
}
BY_CHANCE = {"created_at", "date_joined", "password_changed_at", "hashed_password", "permission_id"}
"""Times, salts, and the keys of permissions, which `migrate` makes."""


def seeded(service: Service) -> list[Any]:
    """Return the rows without what differs each time."""
    _, *lines = map(json.loads, service.manage("dumpdata").splitlines())
    rows = [
        (name, {key: value for key, value in values.items() if key not in BY_CHANCE})
        for name, values in lines
        if name not in ("accounts_permission", "core_audit_entry")
    ]
    return sorted(rows, key=str)


def test_the_check_finds_no_fault(migrated: Service) -> None:
    assert migrated.manage("check") == "No problems found.\n"


def passes(done: Any) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def post(client: httpx.Client, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_row_that_others_need_stays(client: httpx.Client) -> None:
    """In all ways: it stays, it goes alone, or it takes them with it."""
    me, tag = client.get("/users/me").json()["id"], post(client, "/tags", name="needed")
    user = post(client, "/users", username="needed", email="needed@example.com")["id"]
    article = {"title": "a", "slug": "needed", "price": 1, "weight": 1, "author_id": me, "main_id": tag["id"]}
    post(client, "/articles", **article, tags=[tag["id"]])

    refused = client.delete(f"/tags/{tag['id']}")
    needed = "This cannot be deleted, because something else refers to it."
    assert (refused.status_code, refused.json()) == (409, {"detail": needed})

    badge = post(client, "/tags", name="badge")
    mentor = post(client, "/people", **person(1, badge["id"]), reviewer_id=user)
    other = post(
        client, "/people", **person(2, tag["id"]), mentor_id=mentor["id"], friends=[mentor["id"]], editor_id=user
    )
    assert client.delete(f"/users/{user}").status_code == 409
    assert client.delete(f"/tags/{badge['id']}").status_code == 204
    assert client.get(f"/people/{mentor['id']}").status_code == 404
    assert client.delete(f"/users/{user}").status_code == 204
    assert client.get(f"/people/{other['id']}").json() == other | {"mentor_id": None, "friends": [], "editor_id": None}


def person(number: int, badge: str) -> dict[str, Any]:
    return {
        "mail": f"{number}@example.com",
        "birth": "2026-01-31",
        "extra": number,
        "token": str(UUID(int=number)),
        "level": number,
        "rating": number,
        "at": f"2026-01-31T12:00:0{number}Z",
        "count": number,
        "type": str(number),
        "score": f"0.00{number}",
        "badge_id": badge,
    }


def test_what_belongs_to_somebody_else_cannot_be_reached(client: httpx.Client, served: Server) -> None:
    """The superuser attacks: for the routes of rows with owners, they are somebody else, too."""
    form = {"username": "grace", "email": "grace@example.com", "password": "sixteen tons of gravel"}
    with connect(served) as grace:
        post(grace, "/users", **form)
        grace.headers.update(bearer(log_in(grace, "grace", form["password"]).json()["access_token"]))
        album = post(grace, "/albums", title="Hers", day="2026-01-31")
        photo = {"caption": "Hers", "slug": "hers", "album_id": album["id"], "also": [album["id"]], "price": 7}
        first = post(grace, "/photos", **photo)
        second = post(grace, "/photos", **photo | {"slug": "hers-too", "parent_id": first["id"], "backer_id": None})
        mine = post(client, "/albums", title="Mine")
        own = post(client, "/photos", **photo | {"caption": "Mine", "album_id": mine["id"], "also": []})

        for path, row in (("/albums", album), ("/photos", first), ("/photos", second)):
            for method in ("GET", "PATCH", "DELETE"):
                answer = client.request(method, f"{path}/{row['id']}", json={})
                assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"}), (method, path)
        for query in queries(first | {"parent_id": first["id"]}):
            page = client.get("/photos", params=query).json()
            found = [each["id"] for each in page["items"]]
            assert (page["total"], page["total_is_capped"]) == (len(found), False), query
            assert set(found) <= {own["id"]}, query
        for wrong in ({"album_id": album["id"]}, {"also": [mine["id"], album["id"]]}, {"parent_id": first["id"]}):
            assert client.post("/photos", json=photo | {"album_id": mine["id"], "also": []} | wrong).status_code == 422
            assert client.patch(f"/photos/{own['id']}", json=wrong).status_code == 422, wrong
        assert client.post("/testimonials", json={"target_id": album["id"], "note": "x"}).status_code == 422
        link = post(client, "/testimonials", target_id=mine["id"], note="x")
        assert client.patch(f"/testimonials/{link['id']}", json={"target_id": album["id"]}).status_code == 422
        post(client, "/albums", title="Hers")  # nothing tells that the title is taken
        for owned in (photo, {"owner_id": first["id"]}, {"id": first["id"], "owner_id": None}):
            client.patch(f"/photos/{own['id']}", json={"price": 1} | owned)
        assert client.get(f"/photos/{own['id']}").status_code == 200  # it still belongs to the superuser

        assert grace.get("/albums").json()["items"] == [album]
        assert grace.get("/photos").json()["items"] == [second, first]
        gone = grace.request("DELETE", "/users/me", json={"password": form["password"]})
        assert gone.status_code == 204, gone.text  # with all that belongs to them
    assert client.get("/photos").json()["total"] == 1


def queries(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {}
    yield from ({"search": term} for term in ("h", "Hers", "hers-too"))
    yield from ({"sort": sort} for sort in ("caption", "-slug", "price", "-created_at"))
    yield from ({name: row[name]} for name in ("caption", "slug", "album_id", "parent_id"))
    yield from ({"also": row["album_id"]}, {"price_min": 0}, {"price_max": 9}, {"limit": 100})


# What a form of the admin site gets, and then another value for one field.
FORMS: dict[str, tuple[Mapping[str, str], tuple[str, str]]] = {
    "tag": ({"name": "red"}, ("colour", "dark-red")),
    "album": ({"owner": "ada", "day": "2026-07-01", "title": "Summer"}, ("title", "Autumn")),
    "photo": ({"owner": "ada", "caption": "The sea", "slug": "sea", "album": "Winter", "price": "3"}, ("price", "4")),
    "article": (
        {
            "title": "News",
            "slug": "news",
            "status": "published",
            "price": "1.50",
            "weight": "0.5",
            "author": "ada",
            "main": "blue",
            "tags": "blue",
        },
        ("body", "one\ntwo"),
    ),
    "person": (
        {
            "mail": "ann@example.com",
            "birth": "2000-01-31",
            "extra": '{"a": 1}',
            "token": str(UUID(int=99)),
            "level": "1",
            "rating": "1.5",
            "at": "2026-01-31 12:00:00",
            "count": "99",
            "type": "tall",
            "score": "0.125",
            "badge": "blue",
        },
        ("nick", "Ann"),
    ),
}


@pytest.fixture
def admin(browse: Browse, served: Server, client: httpx.Client) -> Page:
    if not client.get("/tags", params={"name": "blue"}).json()["items"]:
        post(client, "/tags", name="blue")
        post(client, "/albums", title="Winter")
    page = browse(f"{served.url}/admin")
    enter(page)
    return page


@pytest.mark.parametrize("model", FORMS)
def test_a_row_from_the_first_to_the_last_click_in_the_admin_site(admin: Page, served: Server, model: str) -> None:
    values, (name, value) = FORMS[model]
    label = next(text for field, text in values.items() if field in ("name", "title", "caption", "mail"))
    admin.goto(f"{served.url}/admin/{model}/create")
    for field, text in values.items():
        fill(admin, field, text)
    save(admin)
    row(admin, label, "pen-to-square")
    fill(admin, name, value)
    save(admin)

    label = value if name == "title" else label
    row(admin, label)
    expect(admin.locator("tbody").first).to_contain_text(value.partition("\n")[0])
    admin.goto(f"{served.url}/admin/{model}/list")
    row(admin, label, "trash")
    admin.locator("#modal-delete-button").click()
    expect(admin.locator("tr", has_text=label)).to_have_count(0)


def fill(page: Page, field: str, text: str) -> None:
    box = page.locator(f"#{field}")
    if box.get_attribute("multiple") is not None:
        page.get_by_label(f"Available {field}").locator("option", has_text=text).dblclick()
    elif box.evaluate("each => each.tagName") == "SELECT":
        box.select_option(label=text, force=True)
    else:
        box.fill(text)


ATTEMPTS = """
import json, shlex, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from app.core.cli import main

def attempt(line):
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            main(["startapp", *shlex.split(line)])
        except SystemExit as end:
            return [1 if isinstance(end.code, str) else end.code, out.getvalue() + str(end.code)]
    return [0, out.getvalue()]

print(json.dumps({line: attempt(line) for line in json.loads(sys.argv[1])}))
"""


def test_wrong_calls_are_one_line_and_change_nothing(made: Made) -> None:
    """All in one process, because nothing that they do stays."""
    before = files(made.service.project)
    done = made.service.run("-c", ATTEMPTS, json.dumps(WRONG))
    assert done.returncode == 0, done.stderr
    for line, (status, said) in json.loads(done.stdout).items():
        assert (status, said.count("\n")) == (1, 0), (line, said)
        assert said.endswith("."), said
    assert made.service.problem("startapp", "users") == "'users' is taken: there is a route /users."
    assert files(made.service.project) == before


def files(project: Path) -> set[Path]:
    return {path for path in project.rglob("*") if path.suffix not in (".pyc", ".sqlite3") and path.is_file()}


def thirty() -> Iterator[str]:
    """Every type with every modifier, alone and in pairs, and what has odd but legal names."""
    yield "tags name:str"
    types = (
        "str:30",
        "slug",
        "text",
        "int",
        "float",
        "decimal:6,3",
        "bool",
        "date",
        "datetime",
        "uuid",
        "email",
        "url",
        "json",
    )
    for number, type_ in enumerate((*types, "enum:a,b-c", "ref:accounts.User", "ref:tags.Tag")):
        fields = [f"f{n}:{':'.join((type_, *each))}" for n, each in enumerate(modifiers(type_))]
        yield f"every{number} {'--owned' if number % 3 == 2 else ''} {' '.join(fields)}"
    for number, action in enumerate(("cascade", "restrict", "setnull")):
        model = f"self{number}.Self{number}"
        yield f"self{number} up:ref:{model}:optional:{action} all:many:{model} a:int"
        yield f"up{number} --owned to:ref:self{number}.Self{number}:optional:unique:{action} n:str:1"
    yield "match type:str match:int case:bool date:date datetime:datetime uuid:uuid email:email url:url enum:enum:if,or"
    yield "z b:int"
    yield f"{'w' * 24} --model {'W' * 24} {'z' * 30}:str:400:search:unique y:ref:tags.Tag n:many:tags.Tag"
    yield "sheep --plural sheep data:text errors:str process:int name:str value:str label:str"
    yield "addresses --model Address street:str:200:search:index a:many:tags.Tag b:many:tags.Tag c:many:accounts.Group"
    yield "wallets --owned owner_name:str items:json values:json kind:enum:id,name,value fields:text text:text key:slug"
    yield "nothing --bare"


def modifiers(type_: str) -> Iterator[tuple[str, ...]]:
    known = ["optional"]
    if type_ not in ("text", "bool", "json"):
        known += ["index"] if type_.startswith("enum") else ["unique", "index"]
    if type_ in ("str:30", "slug", "email"):
        known.append("search")
    for count in range(len(known) + 1):
        yield from combinations(known, count)


@pytest.fixture(scope="module")
def many(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(plain, tmp_path_factory.mktemp("many"), tuple(thirty()))


@pytest.mark.weekly
@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_thirty_apps_are_clean_to(many: Made, linter: tuple[str, ...]) -> None:
    assert len(many.apps) == 30
    passes(many.service.run(*linter))


@pytest.mark.weekly
def test_thirty_apps_pass_the_whole_suite(many: Made) -> None:
    passes(many.service.run("-m", "pytest", "-q", "--numprocesses=2"))


@pytest.mark.weekly
def test_thirty_apps_pass_their_tests_on_postgresql(many: Made, cluster: PostgreSQL) -> None:
    done = many.service.run("-m", "pytest", "-q", "--numprocesses=2", *many.tests, TEST_DATABASE_URL=cluster.url)
    passes(done)


@pytest.mark.weekly
def test_thirty_apps_need_no_other_migration(many: Made, cluster: PostgreSQL, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/db.sqlite3", cluster.create_database("thirty")):
        assert many.service.with_env(DATABASE_URL=url).manage("makemigrations", "--check") == "No changes detected.\n"
