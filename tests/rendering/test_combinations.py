"""Every combination of answers. Their texts show which answers change which files. So it is enough to run two
projects: the default one, and one in which each answer is different.
"""

import json
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, rendered
from tests.kit.repositories import files
from tests.kit.servers import PostgreSQL
from tests.kit.services import Service

CHOICES = {
    name: answers
    for name, answers in json.loads((ROOT / "cookiecutter.json").read_text()).items()
    if isinstance(answers, list) and not name.startswith("_")
}
COMBINATIONS = [dict(zip(CHOICES, answers, strict=True)) for answers in product(*CHOICES.values())]

# The files whose text depends on answers, and these answers. `.env` has secrets, and is made from `.env.example`.
DEPENDS = {
    ".cruft.json": ["license", "database", "ci"],
    "LICENSE": ["license"],
    "pyproject.toml": ["license"],
    "README.md": ["license", "database"],
    ".env.example": ["database"],
    "compose.yaml": ["database"],
    ".github/dependabot.yml": ["ci"],
    ".github/workflows/ci.yml": ["ci"],
    ".gitlab-ci.yml": ["ci"],
    "renovate.json": ["ci"],
}


@pytest.fixture(scope="module")
def trees(template: Path, user_config: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """The files of a project for each combination."""
    return [
        contents(rendered(template, tmp_path_factory.mktemp("tree"), user_config, answers)) for answers in COMBINATIONS
    ]


def contents(project: Path) -> dict[str, bytes]:
    return {name: (project / name).read_bytes() for name in files(project) - {".env"}}


def test_an_answer_changes_only_the_files_that_it_is_for(trees: list[dict[str, bytes]]) -> None:
    assert len(trees) == 4 * 2 * 3
    for name in set().union(*trees):
        answers = DEPENDS.get(name, [])
        texts: dict[Any, set[bytes | None]] = {}
        for answered, tree in zip(COMBINATIONS, trees, strict=True):
            texts.setdefault(tuple(answered[answer] for answer in answers), set()).add(tree.get(name))
        assert all(len(text) == 1 for text in texts.values()), name
        for answer in answers:  # the table has no entry too many
            assert len({next(iter(text)) for text in texts.values()}) > 1, (name, answer)


def test_the_code_and_its_tools_are_the_same_in_all(trees: list[dict[str, bytes]]) -> None:
    """A license changes one line of `pyproject.toml`, which configures no tool."""
    assert not [name for name in DEPENDS if name.endswith((".py", ".txt", ".html", ".mk"))]
    settings = [tomllib.loads(tree["pyproject.toml"].decode()) for tree in trees]
    for each in settings:
        each["project"].pop("license", None)
    assert all(each == settings[0] for each in settings)


def test_no_text_of_an_answer_gets_into_code(corner: Service, trees: list[dict[str, bytes]]) -> None:
    other = contents(corner.project)
    changed = {name for name in trees[0].keys() & other.keys() if trees[0][name] != other[name]}
    texts = {"", ".md", ".toml", ".yaml", ".json", ".conf", ".service", ".example"}
    assert {Path(name).suffix for name in changed} <= texts


# The other project: `corner`. The suite runs there on PostgreSQL, see tests/project/test_own_suite.py.


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]], ids=" ".join
)
def test_the_other_project_is_clean_to(corner: Service, command: list[str]) -> None:
    done = corner.run("-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_other_project_migrates(corner: Service, cluster: PostgreSQL) -> None:
    service = corner.with_env(DATABASE_URL=cluster.create_database("corner"))
    assert "Applied accounts_0001_initial" in service.manage("migrate")
    assert service.manage("check") == "No problems found.\n"
    assert service.manage("makemigrations", "--check") == "No changes detected.\n"
