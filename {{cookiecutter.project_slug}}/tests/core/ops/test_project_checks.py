import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import app
from app.core import registry
from app.core.db import Base, Database
from app.core.ops import checking, project_checks, run_checks
from app.settings import Settings
from tests.checks import found
from tests.commands import call

MIGRATION = """
revision = "{id}"
down_revision = {after}
branch_labels = {labels}

def upgrade():
    pass
"""
ROUTES = """
from fastapi import APIRouter

router = APIRouter()

@router.get("/one")
async def {one}() -> None: ...

@router.get("/two")
async def {two}() -> None: ...
"""
AddApp = Callable[..., None]


@pytest.fixture
def add_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddApp]:
    """`add_app("named_blog", routes="…")` adds an app with these modules. The owner must not have one of this name."""

    def add_app(name: str, **modules: str) -> None:
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(text)
        registry.installed_apps.cache_clear()

    monkeypatch.setattr(app, "__path__", [*app.__path__, str(tmp_path)])
    yield add_app
    registry.installed_apps.cache_clear()


@pytest.mark.parametrize("module", registry.MODULES)
@pytest.mark.parametrize("text", ["import no_such_package", "def broken(:", "1 / 0"])
async def test_an_app_that_cannot_be_imported_is_named(
    settings: Settings, database: Database, add_app: AddApp, module: str, text: str
) -> None:
    add_app(f"broken_{module}", **{module: text})

    problems = await run_checks(settings, database)

    assert [problem.id for problem in problems] == ["core.E009"]
    assert problems[0].message.startswith(f"app.broken_{module}.{module} cannot be imported: ")
    assert "\n" not in str(problems[0])


HALF = """
from app.core.db import Base
from sqlalchemy import Table

half = Table("half", Base.metadata)
1 / 0
"""


async def test_a_broken_app_is_named_once_with_the_line(
    settings: Settings, database: Database, add_app: AddApp
) -> None:
    """Its other modules import the first half of its models again, and SQLAlchemy complains of that."""
    imports = "from app.half.models import half\n"
    add_app("half", __init__=imports, models=HALF, routes=imports, admin=imports)

    (problem,) = await run_checks(settings, database)
    Base.metadata.remove(Base.metadata.tables["half"])

    place = "app/half/models.py:6: ZeroDivisionError: division by zero."
    assert problem.message == f"app.half.models cannot be imported: {place}"


CHECK = """
from app.core.ops import check

@check()
async def fails(settings, database):
    1 / 0
    yield
"""


async def test_a_check_may_fail_where_the_server_does_not_start(
    settings: Settings, database: Database, add_app: AddApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking.load_checks()  # an import registers them only once
    monkeypatch.setattr(checking, "ALWAYS", [*checking.ALWAYS])
    add_app("named_failure", checks=CHECK, apps="def ready(app):\n    1 / 0\n")

    assert [problem.id for problem in await run_checks(settings, database)] == ["core.E011"]


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [("read_me", "new", ["read_me"]), ("same", "same", ["same"]), ("new", "newer", [])],
    ids=["another app's", "the same module's", "none"],
)
async def test_routes_with_the_same_function_name_are_named(
    settings: Settings, database: Database, add_app: AddApp, one: str, two: str, names: list[str]
) -> None:
    add_app(f"named_{one}_{two}", routes=ROUTES.format(one=one, two=two))

    problems = [problem async for problem in project_checks.routes_have_names_of_their_own(settings, database)]

    assert [problem.id for problem in problems] == ["core.W021"] * len(names)
    assert [problem.message.split()[6] for problem in problems] == names


TASK = """
from app.core.tasks import task

@task(cron="{cron}")
async def tick(app) -> None: ...
"""


@pytest.mark.parametrize("cron", ["0 3 * *", "0 3 31 2 *"])
async def test_what_the_server_would_not_start_with_is_named(
    settings: Settings, database: Database, add_app: AddApp, cron: str
) -> None:
    name = f"named_clock_{len(cron)}"
    add_app(name, tasks=TASK.format(cron=cron))

    (problem,) = await run_checks(settings, database)

    assert problem.id == "core.E011"
    assert problem.message.startswith(f"The server does not start: The cron of the task {name}.tick is '{cron}', and")


async def test_any_error_at_the_start_is_named(settings: Settings, database: Database, add_app: AddApp) -> None:
    add_app("named_start", apps="def ready(app):\n    1 / 0\n")

    assert [str(problem) for problem in await run_checks(settings, database)] == [
        "core.E011: The server does not start: ZeroDivisionError: division by zero. Repair this first."
    ]


async def test_a_reason_that_another_check_names_is_named_once(settings: Settings, database: Database) -> None:
    unfit = settings.model_copy(update={"jwt_algorithm": "EdDSA"})

    assert [problem.id for problem in await run_checks(unfit, database)] == ["accounts.E001"]


MODELS = """
from sqlalchemy import Column, ForeignKey, Integer, Table

from app.core.db import Base

lost = Table(
    "lost",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey("accounts_group.key")),
    Column("book_id", ForeignKey("nowhere.id")),
    Column("user_id", ForeignKey("accounts_user.id")),
)
"""


@pytest.fixture
def lost_table(database: Database, add_app: AddApp) -> Iterator[None]:
    """It is gone before the rows of the database are deleted."""
    add_app("named_lost", models=MODELS)
    yield
    Base.metadata.remove(Base.metadata.tables["lost"])
    sys.modules.pop("app.named_lost.models")


@pytest.mark.usefixtures("lost_table")
async def test_a_foreign_key_to_nothing_is_named(settings: Settings, database: Database) -> None:
    said = [
        "The column lost.book_id refers to nowhere.id, but there is no such table. Correct the name in ForeignKey(…).",
        "The column lost.group_id refers to accounts_group.key, but there is no such column. "
        "Correct the name in ForeignKey(…).",
    ]

    assert [str(each) for each in await run_checks(settings, database)] == [f"core.E012: {line}" for line in said]
    outcome = await call("makemigrations", "--check")
    assert (outcome.status, outcome.out, outcome.err.splitlines()) == (1, "", said)


@pytest.mark.parametrize(
    ("files", "ids"), [(["models.py"], ["core.E008"]), (["__init__.py", "models.py"], []), ([], [])]
)
async def test_a_folder_that_only_looks_like_an_app_is_named(
    settings: Settings,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str],
    ids: list[str],
) -> None:
    (tmp_path / "app" / "blog").mkdir(parents=True)
    for file in files:
        (tmp_path / "app" / "blog" / file).touch()
    monkeypatch.setattr(project_checks, "BASE_DIR", tmp_path)

    assert await found(project_checks.apps_are_packages, settings, database) == ids


async def test_a_history_with_two_ends_is_named(settings: Settings, database: Database, versions: Path) -> None:
    def write(name: str, after: str | None = None) -> None:
        labels = "None" if after else '("project",)'
        (versions / f"{name}.py").write_text(MIGRATION.format(id=name, after=repr(after), labels=labels))

    write("0001_first")
    write("0002_one", "0001_first")
    assert await found(project_checks.histories_have_one_end, settings, database) == []
    write("0002_other", "0001_first")

    (problem,) = [each async for each in project_checks.histories_have_one_end(settings, database)]

    assert problem.id == "core.E010"
    assert "0002_one, 0002_other" in problem.message
    assert problem.hint == "Join them with `python manage.py makemigrations --merge`."


IMPORTS = """
from app.accounts import CurrentUser
from app.accounts.models import User, fold
import app.core.db.base
from app.core.db import base
from app.core import db
from app.main import create_app
from .models import Post
import app.named_shelf
"""


async def test_an_import_past_a_front_door_is_named_with_what_to_write(
    settings: Settings, database: Database, add_app: AddApp
) -> None:
    add_app("named_shelf", models="Post = 1", other=IMPORTS)

    warnings = [str(problem) for problem in await run_checks(settings, database)]

    base = "imports app.core.db.base. Import from app.core.db instead: its __init__ exports all that others may use."
    assert warnings == [
        "core.W030: app/named_shelf/other.py:3 imports app.accounts.models. Write `from app.accounts import User`.",
        "core.W030: app/named_shelf/other.py:3 imports app.accounts.models. "
        "Import from app.accounts instead: its __init__ exports all that others may use.",
        f"core.W030: app/named_shelf/other.py:4 {base}",
        f"core.W030: app/named_shelf/other.py:5 {base}",
        "core.W030: app/named_shelf/other.py:7 imports app.main. "
        "Nothing may import it: get the application from the request, or as an argument.",
        "core.W030: app/named_shelf/other.py:9 imports app.named_shelf. "
        "This is the importer's own front door. Import from the module that defines the name.",
    ]


@pytest.mark.parametrize(
    "contracts", ["", '[[tool.importlinter.contracts]]\ntype = "front_doors"\npublic = ["app.accounts.models"]']
)
async def test_what_pyproject_makes_public_or_does_not_ask_for_is_fine(
    settings: Settings,
    database: Database,
    add_app: AddApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contracts: str,
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.app]\n{contracts}")
    monkeypatch.setattr(project_checks, "BASE_DIR", tmp_path)
    add_app("named_shelf", other="from app.accounts.models import User")

    assert await run_checks(settings, database) == []


OLD_NAMES = """
from app.core import deprecated_aliases

DEPRECATED = {"Pages": "app.core.db.Page"}
__getattr__ = deprecated_aliases(__name__, DEPRECATED)
"""


async def test_a_deprecated_name_works_and_is_named_with_the_new_one(
    settings: Settings, database: Database, add_app: AddApp
) -> None:
    add_app("named_library", __init__=OLD_NAMES)
    add_app("named_books", other="import app.core.db\nfrom app.named_library import Pages")

    assert [str(problem) for problem in await run_checks(settings, database)] == [
        "core.W031: app/named_books/other.py:2 imports Pages from app.named_library, which the next version will not "
        "have. Use app.core.db.Page."
    ]
    with pytest.warns(
        DeprecationWarning, match=r"^app\.named_library\.Pages is deprecated: use app\.core\.db\.Page\.$"
    ) as found:
        import_module("app.named_books.other")
    assert {Path(warning.filename).name for warning in found} == {"other.py"}
    with pytest.raises(ImportError, match=r"cannot import name 'Nothing' from 'app\.named_library'"):
        exec("from app.named_library import Nothing")  # noqa: S102
