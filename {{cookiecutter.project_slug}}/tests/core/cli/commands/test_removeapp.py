from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from sqlalchemy import Column, ForeignKey, Integer, Table

from app.core.cli.commands import removeapp
from app.core.db import Base
from tests.commands import call


async def test_an_app_that_is_not_there_is_one_line() -> None:
    outcome = await call("removeapp", "nowhere", "--yes")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "There is no app 'nowhere': app/nowhere/__init__.py is missing."


async def test_an_app_that_the_project_needs_stays() -> None:
    outcome = await call("removeapp", "accounts", "--yes")

    assert outcome == (1, "", "'accounts' cannot be removed: the rest of the project needs it.")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with an app `xyzzy`, for which another app has a module."""
    for name in ("app/xyzzy/__init__.py", "app/plugh/xyzzy.py", "tests/xyzzy/test_it.py", "tests/plugh/test_xyzzy.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    apps, models = ModuleType("app.xyzzy.apps"), ModuleType("app.xyzzy.models")
    vars(apps)[removeapp.EXTENSIONS] = ("xyzzy",)
    found = {"apps": [apps], "models": [models]}
    monkeypatch.setattr(removeapp, "BASE_DIR", tmp_path)
    registry = SimpleNamespace(
        installed_apps=lambda: ("plugh", "xyzzy"), modules=lambda name: iter(found[name]), load_models=lambda: None
    )
    monkeypatch.setattr(removeapp, "registry", registry)
    thing = Table("xyzzy_thing", Base.metadata, Column("id", Integer, primary_key=True))
    link = Table("xyzzy_link", Base.metadata, Column("thing_id", ForeignKey(thing.c.id), primary_key=True))
    vars(models).update(thing=thing, link=link)
    yield tmp_path
    for table in (link, thing):
        Base.metadata.remove(table)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


async def test_an_app_that_others_import_stays(root: Path) -> None:
    (root / "app/plugh/routes.py").write_text("from app.xyzzy import thing\n")
    before = files(root)

    outcome = await call("removeapp", "xyzzy", "--yes")

    named = "'xyzzy' is in use: app/plugh/routes.py import from it. Remove these imports first."
    assert (outcome, files(root)) == ((1, "", named), before)


async def test_an_app_whose_tables_others_refer_to_stays(root: Path) -> None:
    before = files(root)
    other = Table("plugh", Base.metadata, Column("thing_id", ForeignKey("xyzzy_thing.id"), primary_key=True))
    try:
        outcome = await call("removeapp", "xyzzy", "--yes")
    finally:
        Base.metadata.remove(other)

    named = "The tables of 'xyzzy' are in use by plugh.thing_id. Remove these columns first."
    assert (outcome, files(root)) == ((1, "", named), before)


async def test_nothing_goes_without_a_yes(root: Path) -> None:
    before = files(root)

    outcome = await call("removeapp", "xyzzy", stdin="n\n")

    assert (outcome.status, outcome.err) == (1, "Nothing was removed.")
    assert "app/plugh/xyzzy.py" in outcome.out
    assert files(root) == before


@pytest.mark.parametrize("status", [0, 1])
async def test_its_files_go_unless_a_migration_fails(root: Path, status: int) -> None:
    before = files(root)
    (root / "manage.py").write_text(f"import sys\nsys.exit({status})\n")

    outcome = await call("removeapp", "xyzzy", "--yes")

    if status:
        assert outcome.err == "`makemigrations --name remove_xyzzy` failed, so the files were put back."
        assert files(root) == before | {"manage.py"}
    else:
        assert outcome.out.endswith("Removed xyzzy.\n")
        assert files(root) == {"manage.py"}
