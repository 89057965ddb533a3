"""An application on top of a project, without changes in the project's files: `tests/project/example`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.servers import Server
from tests.kit.services import EMAIL, LINTERS, PASSWORD, USERNAME, Service, connect, prepare, serve

EXAMPLE = Path(__file__).parent / "example"
# Its own tests, and all that call every route or check the document and the errors.
SUITES = (
    "tests/members",
    "tests/accounts/authentication/test_backends.py",
    "tests/accounts/authentication/test_forgeries.py",
    "tests/accounts/routes",
    "tests/accounts/users/test_registration.py",
    "tests/core/web/test_errors.py",
    "tests/core/web/test_openapi.py",
    "tests/hello",
)

# With the library that the project's own server uses.
LISTEN = """
import sys
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

url, *tokens = sys.argv[1:]
for token in tokens:
    try:
        with connect(url, additional_headers={"Authorization": f"Token {token}"}, proxy=None) as socket:
            print(socket.recv())
    except InvalidStatus as error:
        print(error.response.status_code)
"""


@pytest.fixture(scope="module")
def example(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    folder = tmp_path_factory.mktemp("example")
    project = folder / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    for source in EXAMPLE.glob("*/**/*.py"):
        target = project / source.relative_to(EXAMPLE)
        assert not target.exists(), f"{target} is the template's"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    return Service(project, plain.python, {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"})


@pytest.fixture(scope="module")
def served(example: Service) -> Iterator[Server]:
    with serve(prepare(example)) as served:
        yield served


@pytest.mark.weekly
@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_the_example_is_clean_to(example: Service, linter: tuple[str, ...]) -> None:
    done = example.run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_its_tests_pass_and_so_do_those_of_the_project(example: Service) -> None:
    done = example.run("-m", "pytest", "-q", *SUITES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_members_log_in_in_their_own_way(example: Service, served: Server) -> None:
    with connect(served) as client:
        answer = client.post("/members/login", json={"email": EMAIL, "password": PASSWORD})
        token = answer.json()["token"]
        me = client.get("/members/me", headers={"Authorization": f"Token {token}"})
        nowhere = client.get("/nowhere")
    assert me.json()["username"] == USERNAME
    assert_problem(nowhere, 404)

    url = served.url.replace("http", "ws", 1)
    heard = example.run("-c", LISTEN, f"{url}/members/live", token, "forged")
    # uvicorn answers 403 if the application closes before it accepts.
    assert heard.stdout.splitlines() == [USERNAME, "403"], heard.stderr


def test_the_document_says_all_this(served: Server) -> None:
    with connect(served) as client:
        document = client.get("/openapi.json").json()
    login = document["paths"]["/members/login"]["post"]
    assert "security" not in login
    assert "application/problem+json" in login["responses"]["401"]["content"]
    assert {"Token": []} in document["paths"]["/members/me"]["get"]["security"]


def assert_problem(answer: httpx.Response, code: int) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (code, "application/problem+json")
    assert answer.json()["status"] == code
