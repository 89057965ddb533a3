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
from app.core.cli.startapp import files, targets
from app.core.cli.startapp.kinds import KINDS
from app.core.db.migrations import histories
from app.core.settings import BASE_DIR
from tests.commands import call

FILES = [
    "app/xyzzy/__init__.py",
    "app/xyzzy/models.py",
    "app/xyzzy/schemas.py",
    "app/xyzzy/queries.py",
    "app/xyzzy/routes.py",
    "app/xyzzy/admin.py",
    "app/migrations/versions/0001_xyzzy.py",
    "tests/xyzzy/__init__.py",
    "tests/xyzzy/factories.py",
    "tests/xyzzy/test_routes.py",
]


@pytest.fixture
def root(application: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("app/admin", "app/migrations/versions", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    for module in (startapp, files, targets):
        monkeypatch.setattr(module, "BASE_DIR", tmp_path)
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


EVERYTHING = [
    *(
        "xyzzy",
        "--model",
        "Plugh",
        "name:str:20:search:unique",
        "slug:slug:index",
        "body:text:optional",
        "count:int:index",
    ),
    *(
        "weight:float",
        "price:decimal:10,2:unique",
        "done:bool",
        "date:date",
        "at:datetime:optional:index",
        "key:uuid:unique",
    ),
    *(
        "mail:email:search:optional",
        "site:url:optional",
        "extra:json",
        "state:enum:new,in-use",
        "type:enum:a,b:optional",
    ),
    *("author:ref:accounts.User", "editor:ref:accounts.User:optional:cascade", "groups:many:accounts.Group"),
    *("parent:ref:xyzzy.Plugh:optional", "others:many:xyzzy.Plugh"),
]


@pytest.mark.parametrize("arguments", [EVERYTHING, [*EVERYTHING, "--owned"], ["xyzzy", "n:int", "--owned"]])
async def test_ruff_accepts_the_files_whatever_the_fields(root: Path, arguments: list[str]) -> None:
    shutil.copy(BASE_DIR / "pyproject.toml", root)

    assert (await call("startapp", *arguments)).status == 0

    assert _ruff("check", "--no-cache", str(root)) == "All checks passed!\n"
    assert _ruff("format", "--check", str(root)).endswith("files already formatted\n")


async def test_without_ruff_the_files_are_valid_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.cli.commands.migrations.find_spec", lambda _: None)

    assert (await call("startapp", *EVERYTHING)).status == 0

    for path in written(root):
        ast.parse((root / path).read_bytes())


async def test_a_plural_may_be_irregular(root: Path) -> None:
    assert (await call("startapp", "xyzzy", "--model", "Plugh", "--plural", "plughen", "n:int")).status == 0

    assert "async def list_plughen(" in (root / "app/xyzzy/routes.py").read_text()
    assert '    name_plural = "Plughen"\n' in (root / "app/xyzzy/admin.py").read_text()


async def test_a_bare_app_has_a_front_door_and_a_place_for_tests(root: Path) -> None:
    out = "Wrote app/xyzzy/__init__.py\nWrote tests/xyzzy/__init__.py\nNext: write its modules, see docs/apps.md.\n"

    assert await call("startapp", "xyzzy", "--bare") == (0, out, "")
    assert written(root) == {"app/xyzzy/__init__.py", "tests/xyzzy/__init__.py"}


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
        (
            ["plover"],
            "'plover' is taken: app/plover exists. To add a model to it, see docs/apps.md, More models in one app.",
        ),
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
            ["accounts_user", "--model", "Groups"],
            "'Groups' is taken: there is a table accounts_user_groups. Choose another with `--model`.",
        ),
        (
            ["xyzzy", "--model", "Page"],
            "The name 'Page' would have two meanings in the files of the new app. "
            "Choose another model than Page with `--model`.",
        ),
        (
            ["xyzzy", "--model", "New"],  # `new` would be the name of two parameters
            "The name 'new' would have two meanings in the files of the new app. "
            "Choose another model than New with `--model`.",
        ),
        (["xyzzy", "title:string"], f"'title:string': there is no type 'string'. The types are {', '.join(KINDS)}."),
        (
            ["xyzzy", "str:str"],
            "The name 'str' would have two meanings in the files of the new app. Choose another name for the field.",
        ),
        (
            ["xyzzy", "a:ref:accounts.Session"],
            "'a': app/accounts/__init__.py does not export Session. Import it there, and name it in __all__.",
        ),
        (["xyzzy", "a:ref:xyzzy.Xyzzy"], "'a' must be 'optional': the first xyzzy has no other one to refer to."),
        (
            ["x" * 24, "--model", "Y" * 24, f"{'z' * 30}:many:accounts.User"],
            f"The name {'x' * 24}_{'y' * 24}_{'z' * 30} is longer than 63 characters. "
            "PostgreSQL would cut it, so shorten its parts.",
        ),
        (["xyzzy", "--plural", "Plughs"], "'Plughs' does not match [a-z][a-z0-9_]*. An example is `--plural notes`."),
        (
            ["xyzzy", "--bare", "title:str"],
            "With `--bare` there is no model, so leave out the fields and the other options.",
        ),
        (["users", "--bare"], "'users' is taken: there is a route /users."),
    ],
)
async def test_a_name_that_is_bad_or_taken_is_one_line_and_changes_nothing(
    root: Path, arguments: list[str], fault: str
) -> None:
    (root / "app/plover").mkdir()
    for path in ("app/main.py", "app/plover/__init__.py", "tests/checks.py"):
        (root / path).touch()
    before = set(root.rglob("*"))

    assert await call("startapp", *arguments) == (1, "", fault)
    assert set(root.rglob("*")) == before


@pytest.mark.parametrize("model", ["accounts.Nobody", "core.AuditEntry"])
async def test_a_model_that_is_not_there_is_one_line_with_those_that_are(root: Path, model: str) -> None:
    outcome = await call("startapp", "xyzzy", f"a:ref:{model}")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"'a': there is no model {model}. There are: ")
    assert {"accounts.User", "accounts.Group"} <= set(outcome.err.rstrip(".").rpartition(": ")[2].split(", "))
    assert written(root) == set()


async def test_what_cannot_be_finished_is_taken_back(root: Path) -> None:
    (root / "tests").rmdir()
    before = set(root.rglob("*"))

    outcome = await call("startapp", "xyzzy")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("The app cannot be written. ")
    assert set(root.rglob("*")) == before


@pytest.mark.parametrize("name", ["a", "x" * 24])
async def test_ruff_accepts_the_files_whatever_the_length_of_the_names(root: Path, name: str) -> None:
    shutil.copy(BASE_DIR / "pyproject.toml", root)

    assert (await call("startapp", name, "--model", name.title())).status == 0

    assert _ruff("check", "--no-cache", str(root)) == "All checks passed!\n"
    assert _ruff("format", "--check", str(root)).endswith("files already formatted\n")


def _ruff(*arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout
