"""`AGENTS.md` of a project: an agent, or a person, can run all its commands."""

from pathlib import Path

import pytest

from tests.kit.markdown import parsed
from tests.kit.servers import free_port
from tests.kit.services import Service
from tests.kit.walking import steps, walking

LIMIT = 80  # lines: an agent reads it before each task


@pytest.fixture
def installed(copy: Service) -> Service:
    """A project whose environment is ready."""
    environment = copy.python.parents[1]
    (copy.project / ".venv").symlink_to(environment)
    for stamp in (".installed", ".installed-dev"):
        (environment / stamp).touch()
    return copy


def test_its_commands_work_in_the_order_of_the_page(installed: Service, tmp_path: Path) -> None:
    page = installed.project / "AGENTS.md"
    assert len(page.read_text(encoding="utf-8").splitlines()) <= LIMIT
    shorter = {"make test ": "make test ARGS=tests/hello "}  # `test_own_suite.py` runs all
    with walking(installed.project, tmp_path / "state", free_port(), shorter) as walk:
        walk.follow(steps(parsed(page)))
    assert installed.manage("makemigrations", "--check") == "No changes detected.\n"


def test_each_path_that_it_names_is_there(plain: Service) -> None:
    text = (plain.project / "AGENTS.md").read_text(encoding="utf-8")
    for path in ("app/main.py", "app/settings.py", "app/migrations/versions/", "tests/conftest.py", "docs/apps.md"):
        assert path in text
        assert (plain.project / path).exists()
