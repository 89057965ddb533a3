"""RealWorld's Conduit on top of a new project, as `examples/conduit/README.md` says: the public tests of its API pass.
No file of the template changes but the fields of `User`.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients.newman import Newman, newman_or_skip
from tests.conftest import ROOT
from tests.kit.servers import PostgreSQL, Server
from tests.kit.services import LINTERS, Service, connect, prepare, serve

EXAMPLE = ROOT / "examples" / "conduit"
COLLECTION = EXAMPLE / "postman" / "Conduit.postman_collection.json"
CHANGED = "app/accounts/fields.py"
APPS = ("members", "profiles", "articles", "comments")
# Its own tests, and all that call every route or look at users, the document and the errors.
SUITES = (
    *(f"tests/{app}" for app in APPS),
    "tests/accounts/authentication/test_forgeries.py",
    "tests/accounts/permissions/test_required.py",
    "tests/accounts/users",
    "tests/core/web/test_errors.py",
    "tests/core/web/test_openapi.py",
    "tests/test_nul.py",
)


@pytest.fixture(scope="module")
def conduit(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Run the commands of the README, up to the migration."""
    folder = tmp_path_factory.mktemp("conduit")
    project = folder / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    put_in, make_migration, migrate = commands.strip().rsplit("\n", 2)
    put_in = put_in.replace("../fastapi-batteries/examples/conduit", str(EXAMPLE))
    subprocess.run(["bash", "-ec", put_in], check=True, cwd=project)
    service = Service(project, plain.python, {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"})
    for command in (make_migration, migrate):
        service.manage(*command.removeprefix("python manage.py ").split())
    return service


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, conduit: Service) -> Iterator[Server]:
    if request.param == "postgresql":
        cluster: PostgreSQL = request.getfixturevalue("cluster")
        conduit = conduit.with_env(DATABASE_URL=cluster.create_database("conduit"))
    with serve(prepare(conduit)) as served:
        yield served


@pytest.fixture(scope="module")
def newman(tmp_path_factory: pytest.TempPathFactory) -> Newman:
    return newman_or_skip(tmp_path_factory.mktemp("newman"))


def test_no_file_of_the_template_changes_but_the_fields_of_users(plain: Service, conduit: Service) -> None:
    before, after = sources(plain.project), sources(conduit.project)
    assert [name for name, content in before.items() if after.get(name) != content] == [CHANGED]
    new = {name.split("/")[1] for name in after.keys() - before.keys() if "/migrations/" not in name}
    assert new == {*APPS}


def sources(project: Path) -> dict[str, bytes]:
    """Return what git would have of the code."""
    files = [file for folder in ("app", "tests") for file in (project / folder).rglob("*") if file.is_file()]
    return {file.relative_to(project).as_posix(): file.read_bytes() for file in files if file.suffix != ".pyc"}


@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_it_is_clean_to(conduit: Service, linter: tuple[str, ...]) -> None:
    done = conduit.run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tables_are_in_step(conduit: Service) -> None:
    conduit.manage("makemigrations", "--check")
    assert conduit.manage("check") == "No problems found.\n"


def test_its_tests_pass_and_so_do_those_that_ask_every_route(conduit: Service) -> None:
    done = conduit.run("-m", "pytest", "-q", *SUITES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_the_whole_suite_passes(conduit: Service) -> None:
    done = conduit.run("-m", "pytest", "-q", "--numprocesses=2", "--cov")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_tests_pass(served: Server, newman: Newman) -> None:
    user = {"USERNAME": "walter", "EMAIL": "walter@mail.example", "PASSWORD": "a library at night"}
    run = newman.run(COLLECTION, {"APIURL": f"{served.url}/api", **user})["run"]
    assert run["failures"] == []
    assert (run["stats"]["requests"]["total"], run["stats"]["assertions"]["total"]) == (32, 311)
    codes = {each["item"]["name"]: each["response"]["code"] for each in run["executions"]}
    assert {name: code for name, code in codes.items() if code not in (200, 201, 204)} == {}


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [("/api/articles/nothing", 404, "Not Found"), ("/api/user", 401, "Not authenticated")],
)
def test_errors_have_conduits_form(served: Server, path: str, status: int, reason: str) -> None:
    with connect(served) as client:
        answer: httpx.Response = client.get(path)
    assert (answer.status_code, answer.json()) == (status, {"errors": {"body": [reason]}})
