import os
from pathlib import Path

import pytest

from app.core.environment import PLACEHOLDER, write_env


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(f"# é\nSECRET_KEY={PLACEHOLDER}\nOTHER={PLACEHOLDER}\n", encoding="utf-8")
    return tmp_path


def test_each_placeholder_becomes_a_secret_of_its_own(project: Path) -> None:
    assert write_env(project)

    comment, key, other = (project / ".env").read_text(encoding="utf-8").splitlines()
    assert comment == "# é"
    assert len(key.removeprefix("SECRET_KEY=")) == len(other.removeprefix("OTHER=")) == 86
    assert key.partition("=")[2] != other.partition("=")[2]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_only_its_owner_reads_it(project: Path) -> None:
    write_env(project)

    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_a_secret_in_use_is_never_replaced(project: Path) -> None:
    (project / ".env").write_text("SECRET_KEY=mine")

    assert not write_env(project)
    assert (project / ".env").read_text() == "SECRET_KEY=mine"
