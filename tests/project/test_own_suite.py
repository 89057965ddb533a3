"""The suite that a rendered project brings: whole, and in the ways in which its owner may run it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import FOLDER, ROOT, installer
from tests.kit.servers import PostgreSQL
from tests.kit.services import Service

FILES = sorted(path.relative_to(ROOT / FOLDER).as_posix() for path in (ROOT / FOLDER).glob("tests/**/test_*.py"))
QUICK = ("tests/hello", "tests/accounts/routes", "tests/core/settings", "tests/core/web", *FILES[-3:])
SEEDS = range(1, 6)


@pytest.mark.fast
def test_a_part_of_it_is_quick(plain: Service) -> None:
    done = plain.run("-m", "pytest", "-q", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_passes_on_sqlite_and_covers_the_code(plain: Service) -> None:
    done = plain.run("-m", "pytest", "-q", "-rs", "--numprocesses=2", "--cov")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_passes_on_postgresql_and_leaves_nothing_there(corner: Service, cluster: PostgreSQL) -> None:
    """With all answers changed. There is no third kind of project: see tests/rendering/test_combinations.py."""
    before = cluster.databases()
    done = corner.run("-m", "pytest", "-q", "-rs", "--numprocesses=2", TEST_DATABASE_URL=cluster.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.databases() == before


MODEL = """
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Shelf(Base):
    __tablename__ = "shelves_shelf"

    id: Mapped[int] = mapped_column(primary_key=True)
"""


def test_it_says_that_a_migration_is_missing(plain: Service, tmp_path: Path) -> None:
    project = tmp_path / "copy"
    shutil.copytree(plain.project, project, ignore=shutil.ignore_patterns(".*_cache", "*.sqlite3*"))
    (project / "app" / "shelves").mkdir()
    (project / "app" / "shelves" / "__init__.py").touch()
    (project / "app" / "shelves" / "models.py").write_text(MODEL, encoding="utf-8")

    done = Service(project, plain.python).run("-m", "pytest", "-q", "tests/hello")

    assert done.returncode == 1
    assert "A migration is missing: run `python manage.py makemigrations`." in done.stdout


@pytest.fixture(scope="module")
def with_plugins(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The project with plugins that owners install beside what the template brings."""
    folder = tmp_path_factory.mktemp("plugins") / ".venv"
    shutil.copytree(plain.python.parents[1], folder, symlinks=True)
    python = folder / plain.python.relative_to(plain.python.parents[1])
    subprocess.run([*installer(python), "pytest-asyncio", "pytest-randomly"], check=True)
    return Service(plain.project, python)


@pytest.mark.weekly
@pytest.mark.parametrize("seed", SEEDS)
def test_it_passes_in_any_order(with_plugins: Service, seed: int) -> None:
    done = with_plugins.run("-m", "pytest", "-q", f"--randomly-seed={seed}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
@pytest.mark.parametrize("processes", [2, 4])
def test_it_passes_in_parallel(plain: Service, processes: int) -> None:
    done = plain.run("-m", "pytest", "-q", f"--numprocesses={processes}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
@pytest.mark.parametrize("file", FILES)
def test_each_file_passes_alone(plain: Service, file: str) -> None:
    done = plain.run("-m", "pytest", "-q", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_each_test_passes_alone(plain: Service) -> None:
    """Ask for one of each file: the last, which most others have run before."""
    listed = plain.run("-m", "pytest", "-q", "--collect-only").stdout.splitlines()
    last = {line.partition("::")[0]: line for line in listed if "::" in line}
    failed = {test: done.stdout for test in last.values() if (done := plain.run("-m", "pytest", "-q", test)).returncode}
    assert not failed, failed
