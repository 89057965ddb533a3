"""`startapp` makes two apps in a new project. They must pass all checks of the project."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browse
from tests.servers import PostgreSQL, Server
from tests.services import PASSWORD, USERNAME, Service, bearer, connect, log_in, prepare, serve

# The tests of the new apps, and all that call every route or look at all apps.
SUITES = (
    "tests/blog",
    "tests/notification_settings",
    "tests/accounts/authentication/test_forgeries.py",
    "tests/accounts/permissions/test_required.py",
    "tests/core/cli/commands/test_startapp.py",
    "tests/core/web/test_openapi.py",
    "tests/core/test_registry.py",
)
LINTERS = (
    ("-m", "ruff", "check", "."),
    ("-m", "ruff", "format", "--check", "."),
    ("-m", "mypy"),
    ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
)


@pytest.fixture(scope="module")
def begun(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """One name has the usual length, the other folds lines. There is no database, and the command makes none."""
    project = tmp_path_factory.mktemp("begun") / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    begun = Service(project, plain.python)
    assert "Wrote app/blog/admin.py\n" in begun.manage("startapp", "blog", "--model", "Post")
    begun.manage("startapp", "notification_settings")
    assert not list(project.glob("*.sqlite3*"))
    return begun


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, begun: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    if request.param == "sqlite":
        return prepare(begun.with_env(DATABASE_URL=f"sqlite:///{tmp_path_factory.mktemp('begun')}/db.sqlite3"))
    cluster: PostgreSQL = request.getfixturevalue("cluster")
    return prepare(begun.with_env(DATABASE_URL=cluster.create_database("begun")))


@pytest.fixture(scope="module")
def served(migrated: Service) -> Iterator[Server]:
    with serve(migrated) as served:
        yield served


@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_a_new_app_is_clean_to(begun: Service, linter: tuple[str, ...]) -> None:
    done = begun.run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tests_pass_and_those_that_ask_every_route(begun: Service) -> None:
    done = begun.run("-m", "pytest", "-q", *SUITES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tests_pass_on_postgresql(begun: Service, cluster: PostgreSQL) -> None:
    done = begun.run("-m", "pytest", "-q", *SUITES[:2], TEST_DATABASE_URL=cluster.url)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_migration_is_what_makemigrations_would_write(migrated: Service) -> None:
    assert migrated.manage("makemigrations", "--check") == "No changes detected.\n"
    assert "Unapplied" in migrated.manage("migrate", "project@zero")
    assert migrated.manage("migrate").count("Applied") == 2


def test_it_is_served_and_has_its_page_in_the_admin_site(served: Server, browse: Browse) -> None:
    with connect(served) as client:
        headers = bearer(log_in(client).raise_for_status().json()["access_token"])
        made = client.post("/blog", json={"title": "Hello", "text": "World"}, headers=headers)
        assert made.status_code == 201, made.text
        assert client.get("/blog", headers=headers).json()["items"] == [made.json()]
        assert client.get("/notification-settings", headers=headers).json()["total"] == 0

    page = browse(f"{served.url}/admin/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Posts").first.click()
    assert page.get_by_role("cell", name="Hello").is_visible()


def test_a_name_that_is_taken_is_one_line_and_changes_nothing(begun: Service) -> None:
    before = files(begun.project)
    assert begun.problem("startapp", "blog") == "'blog' is taken: app/blog exists."
    assert begun.problem("startapp", "users") == "'users' is taken: there is a route /users."
    assert begun.problem("startapp", "journal", "--model", "Page").count("\n") == 0
    assert files(begun.project) == before


def files(project: Path) -> set[Path]:
    return {path for path in project.rglob("*") if path.suffix not in (".pyc", ".sqlite3") and path.is_file()}
