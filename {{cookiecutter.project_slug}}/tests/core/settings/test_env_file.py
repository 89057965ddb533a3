import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.core.settings import BASE_DIR
from app.core.settings.env_file import PLACEHOLDER, update_env, write_env


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


def test_a_secret_that_another_value_needs_is_written_out(project: Path) -> None:
    """systemd and `docker run --env-file` would take ${…} literally."""
    example = f"PASSWORD={PLACEHOLDER}\nURL=postgresql://app:${{PASSWORD}}@localhost/app\nOTHER=${{HOME}}\n"
    (project / ".env.example").write_text(example)

    write_env(project)

    password, url, other = (project / ".env").read_text().splitlines()
    assert url == f"URL=postgresql://app:{password.removeprefix('PASSWORD=')}@localhost/app"
    assert other == "OTHER=${HOME}"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from app.core.settings.env_file import update_env, write_env

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    write_env(Path(sys.argv[1])) if sys.argv[2] == "new" else update_env(Path(sys.argv[1]), {"KEY": "x" * 200})
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no limit for the size of a file")
@pytest.mark.parametrize("command", ["new", "change"])
def test_a_full_disk_leaves_no_cut_file(project: Path, command: str) -> None:
    """The limit for the size of a file acts like a full disk: a part is written, the rest is refused."""
    before = {".env.example"}
    if command == "change":
        (project / ".env").write_text("KEY=old\n")
        before.add(".env")

    arguments = [sys.executable, "-c", FULL_DISK, str(project), command]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=BASE_DIR)

    assert done.stdout == "OSError\n"
    assert {file.name for file in project.iterdir()} == before
    assert command == "new" or (project / ".env").read_text() == "KEY=old\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these file modes")
def test_only_its_owner_reads_it(project: Path) -> None:
    write_env(project)

    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_a_secret_in_use_is_never_replaced(project: Path) -> None:
    (project / ".env").write_text("SECRET_KEY=mine")

    assert not write_env(project)
    assert (project / ".env").read_text() == "SECRET_KEY=mine"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text("# kept\nexport KEY=old # kept?\nOTHER='a # b'\n\nLAST=1")
    return tmp_path / ".env"


def test_a_change_keeps_all_else(env: Path) -> None:
    update_env(env.parent, {"KEY": "new", "ADDED": "x,y"})

    assert env.read_text() == "# kept\nexport KEY=new\nOTHER='a # b'\n\nLAST=1\nADDED=x,y\n"
    assert [file.name for file in env.parent.iterdir()] == [".env"]


@pytest.mark.parametrize(
    "value", ["a b", "a&b", "$a", "a\\ b\\", "a\\nb", "a # b", "it's", '"', "a\nb", " a ", "=", "ü"]
)
def test_no_part_of_a_value_is_lost(env: Path, value: str) -> None:
    update_env(env.parent, {"KEY": value, "ADDED": value})

    found = dotenv_values(env)
    assert (found["KEY"], found["ADDED"], found["OTHER"]) == (value, value, "a # b")


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these links and file modes")
def test_a_link_stays_a_link(env: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = env.rename(tmp_path_factory.mktemp("secrets") / "env")
    env.symlink_to(real)

    update_env(env.parent, {"KEY": "new"})

    assert env.readlink() == real
    assert dotenv_values(real)["KEY"] == "new"
    assert real.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in real.parent.iterdir()] == ["env"]


def test_the_owner_stays_the_same(env: Path) -> None:
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root can change the owner of a file")
    os.chown(env, 12345, 23456)

    update_env(env.parent, {"KEY": "new"})

    assert (env.stat().st_uid, env.stat().st_gid) == (12345, 23456)
