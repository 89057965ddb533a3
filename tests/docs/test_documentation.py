"""The pages that explain the template and a project: their links lead somewhere, and their examples work."""

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import ROOT
from tests.kit.markdown import pages, parsed
from tests.kit.services import LINTERS, Service, connect, prepare, serve

SOURCE = re.compile(r'(?:src|srcset)="([^"]+)"')  # of a picture
PATH = re.compile(r"`((?:app|tests)/[\w/*.-]+)`")
STARTAPP = re.compile(r"^python manage\.py startapp ((?:.*\\\n)*.*)$", re.MULTILINE)
COMMAND = re.compile(r"(?:manage\.py|(?<![\w.-])uvicorn(?= app\.main)) (?:[a-z]+\b.*)", re.MULTILINE)
TARGET = re.compile(r"^ *make ([a-z]+)\b|`make ([a-z]+)`", re.MULTILINE)

# Takes lists of words, and prints what the command lines would refuse. Nothing runs. One word only names a command.
PARSE = """
import json, sys
import typer
from uvicorn.main import main as uvicorn
from app.core.cli.manage import build
manage = typer.main.get_command(build())
for program, *words in json.load(sys.stdin):
    parent = manage.context_class(manage, info_name=program)
    try:
        own = manage.resolve_command(parent, words) if program == "manage.py" else ("uvicorn", uvicorn, words)
        name, command, rest = own
        if len(words) > 1:
            command.make_context(name, rest)
    except typer.Exit:
        pass  # --help
    except Exception as error:
        if "o such file" not in (said := error.format_message()) and "does not exist" not in said:
            print(program, *words, said)
"""

COMPOSE = """
from app.core.mail import compose
from app.settings import get_settings
print(compose(get_settings(), "blog/mails/welcome", "ada@example.com", name="Ada").get_content())
"""


def links(page: Path) -> Iterator[str]:
    for token in parsed(page):
        for child in [token, *(token.children or ())]:
            if child.type == "link_open":
                yield str(child.attrs["href"])
            if child.type.startswith("html"):
                yield from SOURCE.findall(child.content)


def anchors(page: Path) -> set[str]:
    """Headings become anchors as on GitHub and GitLab."""
    tokens = parsed(page)
    headings = (tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open")
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("of_the_template", [True, False], ids=["the template", "a project"])
def test_every_link_leads_somewhere(plain: Service, of_the_template: bool) -> None:
    found = [(page, link) for page in pages(ROOT if of_the_template else plain.project) for link in links(page)]
    local = [(page, link) for page, link in found if "://" not in link]
    assert local
    for page, link in local:
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_the_index_of_a_project_lists_every_page(plain: Service) -> None:
    index = plain.project / "docs" / "README.md"
    assert set(links(index)) == {page.name for page in index.parent.iterdir()} - {"README.md"}


def test_each_library_of_a_project_has_its_reason(plain: Service) -> None:
    project = tomllib.loads((plain.project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[\[><=]", requirement)[0] for requirement in project["dependencies"]]
    explained = (ROOT / "docs" / "explanation" / "libraries.md").read_text(encoding="utf-8").casefold()
    assert [name for name in names if name.removesuffix("-binary") not in explained] == []


def test_the_readmes_are_short(plain: Service) -> None:
    for readme, screens in ((ROOT / "README.md", 2), (plain.project / "README.md", 1)):
        assert len(readme.read_text(encoding="utf-8").splitlines()) <= 50 * screens, readme


def test_what_the_pages_of_a_project_name_is_there(plain: Service) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages(plain.project))
    ours = {path.name for path in (plain.project / "app").iterdir()}
    paths = {path for path in PATH.findall(text) if path.split("/")[1] in ours}
    assert [path for path in sorted(paths) if not list(plain.project.glob(path))] == []
    targets = set(re.findall(r"^([a-z]+):", (plain.project / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {one or other for one, other in TARGET.findall(text)} - targets - {"lock"} == set()


def test_the_command_lines_on_the_pages_are_understood(plain: Service) -> None:
    """Commands that a page defines itself run where that page is followed."""
    found = [words for page in (*pages(ROOT), *pages(plain.project)) for words in command_lines(page)]
    assert len(found) > 100
    done = plain.run("-c", PARSE, keyboard=json.dumps(found))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def command_lines(page: Path) -> Iterator[list[str]]:
    source = page.read_text(encoding="utf-8")
    for token in parsed(page):
        for code in (token, *(token.children or ())):
            if code.type == "code_inline" or (code.type == "fence" and code.info == "sh") or code.type == "code_block":
                for line in COMMAND.findall(code.content.replace("\\\n", " ")):
                    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
                    lexer.whitespace_split = True
                    words = list(takewhile(lambda word: set(word) - set("|&;<>()"), lexer))
                    if f"def {words[1]}(" not in source:
                        yield words


# The examples are files of a project with an app `blog`. Each says on its first line where it belongs, or, where it is
# a template, behind the name of its language.


def examples(page: Path) -> Iterator[tuple[str, str]]:
    for number, token in enumerate(parsed(page)):
        language, _, path = token.info.partition(" ")
        if token.type == "fence" and language == "jinja":
            yield path, token.content
        if token.type == "fence" and language == "python":
            named = re.match(r"# (\S+\.py)\n", token.content)
            name = f"{page.stem.replace('-', '_')}_{number}.py".lower()
            yield named[1] if named else f"app/blog/{name}", token.content


@pytest.fixture(scope="module")
def explained(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A project in which all examples are installed."""
    folder = tmp_path_factory.mktemp("explained")
    project = folder / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    explained = Service(project, plain.python, {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"})
    for line in STARTAPP.findall((project / "docs" / "apps.md").read_text(encoding="utf-8")):
        explained.manage("startapp", *line.replace("\\\n", "").split())
    for page in pages(project):
        for path, source in examples(page):
            write(project / path, source)
    explained.run("manage.py", "makemigrations", "--name", "examples")
    return prepare(explained)


def write(file: Path, source: str) -> None:
    assert not file.exists(), f"{file} is there already"
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".py":
        (file.parent / "__init__.py").touch()
    file.write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    "linter", [(*LINTERS[0], "--ignore=F401"), *LINTERS[1:]], ids=["ruff check", "ruff format", "mypy", "lint-imports"]
)
def test_the_examples_are_clean_to(explained: Service, linter: tuple[str, ...]) -> None:
    done = explained.run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_are_installed(explained: Service) -> None:
    assert explained.manage("check") == "No problems found.\n"
    assert "does not say" not in explained.manage("routes")
    assert "blog.W001" in explained.problem("check", "--deploy")
    assert explained.manage("listposts") == ""
    assert "Hello Ada" in explained.run("-c", COMPOSE).stdout
    names = [".".join(path.with_suffix("").parts) for path in modules(explained.project)]
    done = explained.run("-c", "\n".join(f"import {name}" for name in names))
    assert done.returncode == 0, done.stderr


def modules(project: Path) -> list[Path]:
    return [path.relative_to(project) for path in project.glob("app/*/*.py") if "migrations" not in path.parts]


def test_the_examples_are_served(explained: Service) -> None:
    with serve(explained) as served, connect(served) as client:
        assert "Vienna" in client.get("/cities").text
        assert client.get("/places").json()["total"] == 0
        assert client.get("/nowhere").json()["title"] == "Not Found"


def test_the_example_of_a_test_passes(explained: Service) -> None:
    done = explained.run("-m", "pytest", "-q", "tests/blog/test_titles.py", "tests/blog/test_factories.py")
    assert done.returncode == 0, done.stdout + done.stderr
