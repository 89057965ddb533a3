from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from app.core.cli.commands import removeapp
from tests.commands import call


async def test_an_app_that_is_not_there_is_one_line() -> None:
    outcome = await call("removeapp", "nowhere", "--yes")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "There is no app 'nowhere': app/nowhere/__init__.py is missing."


async def test_an_app_in_use_stays() -> None:
    outcome = await call("removeapp", "accounts", "--yes")

    assert (outcome.status, len(outcome.err.splitlines())) == (1, 1)
    assert outcome.err.startswith("'accounts' is in use: ")
    assert "tests/conftest.py" in outcome.err


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an app `xyzzy`, for which another app has a module."""
    for name in ("app/xyzzy/__init__.py", "app/plugh/xyzzy.py", "tests/xyzzy/test_it.py", "tests/plugh/test_xyzzy.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    apps = ModuleType("app.xyzzy.apps")
    vars(apps)[removeapp.EXTENSIONS] = ("xyzzy",)
    monkeypatch.setattr(removeapp, "BASE_DIR", tmp_path)
    registry = SimpleNamespace(installed_apps=lambda: ("plugh", "xyzzy"), modules=lambda _: iter([apps]))
    monkeypatch.setattr(removeapp, "registry", registry)
    return tmp_path


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


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
