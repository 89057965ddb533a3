"""The reference in `docs/reference/` is what the code says. `make reference` makes it again."""

import json
import re

import pytest

from tests.conftest import ROOT
from tests.kit.markdown import pages
from tests.kit.services import Service

REFERENCE = ROOT / "docs" / "reference"
COLLECT = ROOT / "tests" / "docs" / "reference" / "collect.py"


def collect(plain: Service) -> dict[str, str]:
    """Return the text of each page by its name. What has no explanation in the code fails."""
    done = plain.run(str(COLLECT))
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


@pytest.fixture(scope="module")
def made(plain: Service) -> dict[str, str]:
    return collect(plain)


@pytest.mark.parametrize("name", [page.stem for page in sorted(REFERENCE.glob("*.md"))])
def test_a_page_of_the_reference_is_what_the_code_says(made: dict[str, str], name: str) -> None:
    page = REFERENCE / f"{name}.md"
    assert made.get(name) == page.read_text(encoding="utf-8"), f"{page.name} is old: run `make reference`."


def test_there_is_a_page_for_each_part(made: dict[str, str]) -> None:
    assert set(made) == {page.stem for page in REFERENCE.glob("*.md")}


def test_the_pages_of_a_project_explain_each_metric_and_command(plain: Service, made: dict[str, str]) -> None:
    """A team has only these pages. Its settings are explained in `.env.example`."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages(plain.project))
    metrics = re.findall(r"^\| `(\w+)`", made["metrics"], re.MULTILINE)
    commands = re.findall(r"^## (\w+)", made["commands"], re.MULTILINE)
    assert metrics
    assert commands
    assert [name for name in metrics if f"`{name}`" not in text] == []
    assert [name for name in commands if not re.search(rf"(?:manage\.py |`){name}\b", text)] == []
