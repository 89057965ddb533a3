"""What a release has promised stays, and the places that name the version agree."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.conftest import FOLDER, ROOT
from tests.releases import released

pytestmark = pytest.mark.fast

SECTIONS = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def test_all_places_name_the_same_version() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["version"] == released.VERSION
    assert next(section.split()[0] for section in SECTIONS if not section.startswith("Unreleased")) == released.VERSION


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section.split()[0]))
def test_each_release_says_what_owners_must_do(section: str) -> None:
    title = section.partition("\n")[0]
    assert title == "Unreleased" or re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", title)
    assert re.search(r"^### What you must do\n\n\S", section, re.MULTILINE)


def test_every_promise_is_kept() -> None:
    assert released.broken(released.read(), released.PROJECT) == []


def test_the_release_is_frozen() -> None:
    """Between releases there may be more."""
    promised = released.read()
    assert "app/accounts/migrations/accounts_0001_initial.py" in promised["migrations"]
    assert "CurrentUser" in promised["exports"]["app.accounts"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the promises are about."""
    shutil.copytree(ROOT / FOLDER / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_changed_or_lost_migration_is_found_and_a_new_one_may_come(project: Path) -> None:
    folder = project / "app" / "accounts" / "migrations"
    first = folder / "accounts_0001_initial.py"
    (folder / "accounts_0002_more.py").write_text("")
    assert released.broken(released.read(), project) == []

    first.write_text(first.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    name = "app/accounts/migrations/accounts_0001_initial.py"
    assert released.broken(released.read(), project) == [
        f"{name} was released and has changed: make a new migration instead."
    ]
    first.unlink()
    assert released.broken(released.read(), project) == [f"{name} was released and is gone."]


def test_a_lost_name_is_found_unless_it_is_a_deprecated_alias(project: Path) -> None:
    door = project / "app" / "core" / "mail" / "__init__.py"
    text = door.read_text(encoding="utf-8").replace('    "compose",\n', "")
    door.write_text(text, encoding="utf-8")
    assert released.broken(released.read(), project) == [
        "app.core.mail exported compose: keep it in DEPRECATED for a release."
    ]
    door.write_text(f'{text}\nDEPRECATED = {{"compose": "app.core.mail.write"}}\n', encoding="utf-8")
    assert released.broken(released.read(), project) == []
