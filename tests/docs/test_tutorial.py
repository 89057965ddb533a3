"""The pages for beginners work: a reader with an empty folder follows them. Only the address and the port change."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT
from tests.kit.browser import Browse
from tests.kit.markdown import parsed
from tests.kit.servers import free_port
from tests.kit.services import LINTERS, Service
from tests.kit.walking import Step, Walk, steps, walking

TEMPLATE = "gh:ORG/fastapi-batteries"
ADA, PASSWORD = "ada", "a library at night"  # as on the pages


@pytest.fixture
def reader(template: Path, user_config: Path, tmp_path: Path) -> Iterator[Walk]:
    folder = tmp_path / "reader"
    folder.mkdir()
    variables = {
        "PATH": f"{Path(sys.base_prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "COOKIECUTTER_CONFIG": str(user_config),
        "COMPILE": "",  # or each environment would compile thousands of modules for a few commands
    }
    with walking(folder, tmp_path / "state", free_port(), {TEMPLATE: str(template)}, **variables) as walk:
        yield walk


def page(name: str) -> Iterator[Step]:
    return steps(parsed(ROOT / "docs" / f"{name}.md"))


def test_a_reader_makes_and_deploys_a_book_club(reader: Walk, plain: Service, browse: Browse) -> None:
    for step in page("tutorial"):
        reader.follow(iter([step]))
        if step.text.startswith("Open <http://127.0.0.1:8000/admin/>"):
            see_the_admin_site(reader, browse)
        if step.text.startswith("`make test` without"):
            check_the_code(Service(reader.folder, plain.python))


def see_the_admin_site(reader: Walk, browse: Browse) -> None:
    site = browse(f"http://127.0.0.1:{reader.port}/admin/")
    site.get_by_label("Username").fill(ADA)
    site.get_by_label("Password").fill(PASSWORD)
    site.get_by_role("button", name="Log in").click()
    site.get_by_role("link", name="Books").first.click()
    expect(site.get_by_role("cell", name="Jane Austen")).to_be_visible()
    site.get_by_role("link", name="Audit log").first.click()
    expect(site.get_by_role("cell", name="Emma").first).to_be_visible()


def check_the_code(made: Service) -> None:
    for linter in (*LINTERS[:2], *LINTERS[3:]):  # mypy would take as long as all the rest
        done = made.run(*linter)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_a_reader_starts_in_five_minutes(reader: Walk) -> None:
    """The tutorial has the same commands, and more."""
    reader.follow(page("start"))
