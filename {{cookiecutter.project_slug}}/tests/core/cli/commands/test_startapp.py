"""The command writes into an empty project of these tests. They do not run the new code.

The names are unusual, so that no real app of the project has them.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.core.cli.commands import startapp
from app.core.cli.commands.startapp import NewApp
from app.core.db.migrations import histories
from app.core.settings import BASE_DIR
from tests.commands import call

FILES = [
    "app/xyzzy/__init__.py",
    "app/xyzzy/models.py",
    "app/xyzzy/schemas.py",
    "app/xyzzy/routes.py",
    "app/xyzzy/admin.py",
    "app/migrations/versions/0001_xyzzy.py",
    "tests/xyzzy/__init__.py",
    "tests/xyzzy/test_routes.py",
]


@pytest.fixture
def root(application: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("app/admin", "app/migrations/versions", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(startapp, "BASE_DIR", tmp_path)
    monkeypatch.setattr(histories, "MIGRATIONS", tmp_path / "app" / "migrations")
    monkeypatch.setattr(histories, "APP", tmp_path / "app")
    return tmp_path


def written(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


async def test_it_writes_an_app_and_says_what_is_next(root: Path) -> None:
    outcome = await call("startapp", "xyzzy", "--model", "Plugh")

    said = [*(f"Wrote {path}" for path in FILES), "Next: `python manage.py migrate` and `make test`."]
    assert outcome == (0, "\n".join(said) + "\n", "")
    assert written(root) == set(FILES)
    sources = {path: (root / path).read_bytes().decode() for path in FILES}
    for source in sources.values():
        ast.parse(source)
        assert "\r" not in source
    assert 'class Plugh(Base):\n    __tablename__ = "xyzzy_plugh"\n' in sources["app/xyzzy/models.py"]
    assert '@router.get("/{plugh_id}", dependencies=[requires("xyzzy.view_plugh")])\n' in sources["app/xyzzy/routes.py"]
    assert 'down_revision = None\nbranch_labels = "project"\n' in sources["app/migrations/versions/0001_xyzzy.py"]


async def test_its_migration_comes_after_the_last(root: Path) -> None:
    for name in ("plovers", "xyzzy"):
        assert (await call("startapp", name)).status == 0

    source = (root / "app/migrations/versions/0002_xyzzy.py").read_text(encoding="utf-8")
    assert 'revision = "0002_xyzzy"\ndown_revision = "0001_plovers"\n' in source


async def test_where_there_is_no_admin_site_there_is_no_page_for_it(root: Path) -> None:
    (root / "app" / "admin").rmdir()

    await call("startapp", "xyzzy", "--model", "Plugh")

    assert written(root) == set(FILES) - {"app/xyzzy/admin.py"}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["Xyzzy"], "'Xyzzy' does not match [a-z][a-z0-9_]*. An example is `notes`."),
        (["../xyzzy"], "'../xyzzy' does not match [a-z][a-z0-9_]*. An example is `notes`."),
        (["xyzzy", "--model", "post"], "'post' does not match [A-Z][A-Za-z0-9]*. An example is `--model Note`."),
        (["xyzzy", "--model", ""], "'' does not match [A-Z][A-Za-z0-9]*. An example is `--model Note`."),
        (["a" * 25], f"'{'a' * 25}' is longer than 24 characters."),
        (["class"], "'class' is a keyword of Python."),
        (["xyzzy", "--model", "Class"], "'class' is a keyword of Python."),
        (["migrations"], "'migrations' is taken: app/migrations exists."),
        (["main"], "'main' is taken: app/main.py exists."),
        (["checks"], "'checks' is taken: tests/checks.py exists."),
        (["app"], "'app' is taken: it is a package of the project."),
        (["tests"], "'tests' is taken: it is a package of the project."),
        (["users"], "'users' is taken: there is a route /users."),
        (["docs"], "'docs' is taken: there is a route /docs."),
        (["groups"], "'groups' is taken: there is a route /groups."),
        (["token"], "'token' is taken: there is a route /token."),
        (["me"], "'me' is taken: routes have this tag."),
        (
            ["xyzzy", "--model", "User"],
            "'User' is taken: a route is called create_user. Choose another with `--model`.",
        ),
        (
            ["accounts", "--model", "Session"],
            "'Session' is taken: there is a table accounts_session. Choose another with `--model`.",
        ),
        (
            ["xyzzy", "--model", "Page"],
            "'Page' has another meaning in the files of a new app. Choose another with `--model`.",
        ),
        (
            ["xyzzy", "--model", "New"],  # `new` would be the name of two parameters
            "'New' has another meaning in the files of a new app. Choose another with `--model`.",
        ),
    ],
)
async def test_a_name_that_is_bad_or_taken_is_one_line_and_changes_nothing(
    root: Path, arguments: list[str], fault: str
) -> None:
    for path in ("app/main.py", "tests/checks.py"):
        (root / path).touch()
    before = set(root.rglob("*"))

    assert await call("startapp", *arguments) == (1, "", fault)
    assert set(root.rglob("*")) == before


async def test_what_cannot_be_finished_is_taken_back(root: Path) -> None:
    (root / "tests").rmdir()
    before = set(root.rglob("*"))

    outcome = await call("startapp", "xyzzy")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("The app cannot be written: ")
    assert set(root.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "model", "item", "path"),
    [
        ("notes", "Note", "note", "/notes"),
        ("blog", "Blog", "blog", "/blog"),
        ("address", "Address", "address", "/address"),
        ("blog_posts", "BlogPost", "blog_post", "/blog-posts"),
        ("s", "S", "s", "/s"),
    ],
)
def test_the_model_is_called_as_the_app_without_a_final_s(name: str, model: str, item: str, path: str) -> None:
    app = NewApp(name, startapp.singular(name))

    assert (app.model, app.item, app.path) == (model, item, path)


@pytest.mark.parametrize("name", ["a", "x" * 24])
async def test_ruff_accepts_the_files_whatever_the_length_of_the_names(root: Path, name: str) -> None:
    shutil.copy(BASE_DIR / "pyproject.toml", root)

    assert (await call("startapp", name, "--model", name.title())).status == 0

    assert _ruff("check", "--no-cache", str(root)) == "All checks passed!\n"
    assert _ruff("format", "--check", str(root)).endswith("files already formatted\n")


def _ruff(*arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout
