"""A reader follows each page of `docs/how-to/` in a project of their own."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kit.markdown import parsed
from tests.kit.servers import free_port, node_or_skip
from tests.kit.services import LINTERS, Service
from tests.kit.walking import steps, walking

PAGES = [page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if "```" in page.read_text(encoding="utf-8")]
LONG = ("existing-database", "remove-a-battery")  # with commands that have tests of their own
WITH_NODE = ("clients",)
MARKED = [pytest.param(page, id=page.stem, marks=[pytest.mark.weekly] * (page.stem in LONG)) for page in PAGES]


@pytest.mark.parametrize("page", MARKED)
def test_a_page_can_be_followed(copy: Service, tmp_path: Path, page: Path) -> None:
    environment = copy.python.parents[1]
    path = f"{environment / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    if page.stem in WITH_NODE:
        path += f":{node_or_skip()}"
    with walking(copy.project, tmp_path / "state", free_port(), {}, PATH=path) as walk:
        walk.follow(steps(parsed(page)))
    for linter in LINTERS[:2]:
        done = copy.run(*linter)
        assert done.returncode == 0, done.stdout + done.stderr
