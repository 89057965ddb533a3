"""The functions of the hook, called without rendering."""

import re
import shutil
import stat
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import FOLDER, ROOT

pytestmark = pytest.mark.fast

CI_FILES = {"GitHub": ".github/workflows/ci.yml", "GitLab": ".gitlab-ci.yml"}


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    module = ModuleType("post_gen_project")
    path = ROOT / "hooks" / "post_gen_project.py"
    SourceFileLoader(module.__name__, str(path)).exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files before the hook runs: all licenses, both kinds of CI, and no `.env`."""
    for name in ("MIT", "BSD-3-Clause", "Apache-2.0"):
        (tmp_path / f"LICENSE.{name}").write_text(name)
    for name in (*CI_FILES.values(), ".env.example", "app/core/settings/env_file.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / FOLDER / name, tmp_path / name)
    (tmp_path / ".env.example").write_text("# A key.\nKEY=made-by-initenv\nOTHER=made-by-initenv\n")
    return tmp_path


def files(project: Path) -> set[str]:
    found = (path for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(project).as_posix() for path in found}


def run(hook: ModuleType, project: Path, license_name: str = "MIT", ci: str = "GitHub") -> None:
    hook.main(project, slug="my-service", license_name=license_name, database="SQLite", ci=ci)


@pytest.mark.parametrize("chosen", ["MIT", "BSD-3-Clause", "Apache-2.0"])
def test_the_chosen_license_is_the_only_one(hook: ModuleType, project: Path, chosen: str) -> None:
    hook.keep_license(project, chosen)
    assert [path.name for path in project.glob("LICENSE*")] == ["LICENSE"]
    assert (project / "LICENSE").read_text() == chosen


def test_without_a_license_none_is_left(hook: ModuleType, project: Path) -> None:
    hook.keep_license(project, "none")
    assert list(project.glob("LICENSE*")) == []


def test_a_license_of_ones_own_stays(hook: ModuleType, project: Path) -> None:
    (project / "LICENSE").write_text("Ours.")
    hook.keep_license(project, "none")
    assert (project / "LICENSE").read_text() == "Ours."


@pytest.mark.parametrize(
    ("chosen", "left"),
    [("GitHub", [".github"]), ("GitLab", [".gitlab-ci.yml"]), ("none", [])],
)
def test_only_the_chosen_ci_is_left(hook: ModuleType, project: Path, chosen: str, left: list[str]) -> None:
    hook.keep_ci(project, chosen)
    assert [path.name for path in project.glob(".git*")] == left


def test_files_of_others_in_github_stay(hook: ModuleType, project: Path) -> None:
    own = project / ".github" / "dependabot.yml"
    own.write_text("version: 2\n")
    hook.keep_ci(project, "none")
    assert list((project / ".github").iterdir()) == [own]


@pytest.mark.parametrize("license_name", ["Apache-2.0", "none"])
@pytest.mark.parametrize("ci", ["GitLab", "none"])
def test_a_second_run_changes_nothing(hook: ModuleType, project: Path, license_name: str, ci: str) -> None:
    run(hook, project, license_name, ci)
    first = {name: (project / name).read_bytes() for name in files(project)}
    run(hook, project, license_name, ci)
    assert {name: (project / name).read_bytes() for name in files(project)} == first


def test_each_mark_becomes_a_secret_of_its_own(hook: ModuleType, project: Path) -> None:
    hook.make_env(project)
    text = (project / ".env").read_text()
    match = re.fullmatch(r"# A key\.\nKEY=([\w-]{86})\nOTHER=([\w-]{86})\n", text)
    assert match
    assert len(set(match.groups())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_reads_the_secrets(hook: ModuleType, project: Path) -> None:
    hook.make_env(project)
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize("present", ["SECRET_KEY=in use\n", ""])
def test_an_environment_that_is_there_is_never_replaced(hook: ModuleType, project: Path, present: str) -> None:
    (project / ".env").write_text(present)
    hook.make_env(project)
    assert (project / ".env").read_text() == present


def test_the_end_says_what_comes_next_and_no_secret(
    hook: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(hook, project)
    printed = capsys.readouterr().out
    assert printed.split("\n") == [
        "",
        "my-service is ready. Next:",
        "",
        "    cd my-service",
        "    make run",
        "",
        "",
    ]


def test_a_project_on_a_server_is_told_how_to_start_one(hook: ModuleType) -> None:
    assert hook.next_commands("my-service", "PostgreSQL") == [
        "cd my-service",
        "docker compose up --detach --wait database",
        "make run",
    ]


@pytest.mark.parametrize("missing", [".env.example", "app/core/settings/env_file.py"])
def test_a_failure_is_one_line(hook: ModuleType, project: Path, missing: str) -> None:
    (project / missing).unlink()
    with pytest.raises(SystemExit) as failure:
        run(hook, project)
    message = str(failure.value)
    assert message.startswith("The project could not be finished: ")
    assert Path(missing).name in message
    assert "\n" not in message
