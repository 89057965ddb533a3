"""Windows and macOS, as far as Linux can stand in for them. CI runs a part of the tests there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from answers import DEVICES
from tests.conftest import FOLDER, ROOT, Render, Run, rendered
from tests.kit.repositories import commit, files, git, secrets_of
from tests.kit.services import Service, prepare

LONGEST = 120  # characters of a path inside a project: Windows allows 260 for all of it, with the user's folders


def text_files(folder: Path) -> list[Path]:
    found = [folder / name for name in files(folder) if not name.startswith(".git/")]
    return [path for path in found if b"\0" not in path.read_bytes()]


@pytest.fixture
def checked_out_on_windows(template: Path, tmp_path: Path) -> Path:
    """The template as git checks it out there by default (`core.autocrlf`)."""
    repository, clone = tmp_path / "repository", tmp_path / "clone"
    shutil.copytree(template, repository)
    git(repository, "init", "--quiet")
    commit(repository)
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(repository), str(clone))
    return clone


# Paths


@pytest.mark.fast
def test_windows_can_hold_every_path(template: Path, render: Render) -> None:
    names = files(template) | {f"project/{name}" for name in files(render())}
    assert len(names) > 500
    assert len({name.casefold() for name in names}) == len(names)  # there, upper and lower case are the same
    for name in names:
        path = PureWindowsPath(name)
        assert len(name.removeprefix(f"{FOLDER}/")) <= LONGEST, name
        for part in path.parts:
            assert not set(part) & set('<>:"|?*\\'), name
            assert not any(ord(character) < 32 for character in part), name
            assert part.rstrip(". ") == part, name
            assert part.partition(".")[0].lower() not in DEVICES, name


# Line ends


def test_git_never_gives_a_file_the_line_ends_of_windows(checked_out_on_windows: Path) -> None:
    found = text_files(checked_out_on_windows / FOLDER)
    assert len(found) > 300
    assert not [path for path in found if b"\r\n" in path.read_bytes()]


def test_a_project_says_so_to_git_too(render: Render, tmp_path: Path) -> None:
    project = render()
    git(project, "init", "--quiet")
    commit(project)
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(project), str(tmp_path / "clone"))
    assert not [path for path in text_files(tmp_path / "clone") if b"\r\n" in path.read_bytes()]


@pytest.fixture
def from_windows(template: Path, plain: Service, user_config: Path, tmp_path: Path) -> Service:
    """A project whose template had the line ends of Windows, for example from an editor."""
    changed = shutil.copytree(template, tmp_path / "changed")
    for path in text_files(changed):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    project = rendered(changed, tmp_path / "output", user_config, {})
    return Service(project, plain.python, {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"})


@pytest.mark.weekly
def test_a_project_with_the_line_ends_of_windows_works(from_windows: Service) -> None:
    assert b"\r\n" in (from_windows.project / "manage.py").read_bytes()
    secret = secrets_of(from_windows.project)["SECRET_KEY"]
    assert re.fullmatch(r"[\w-]{86}", secret)
    code = "from app.settings import get_settings; print(get_settings().secret_key.get_secret_value(), end='')"
    assert from_windows.run("-c", code).stdout == secret
    prepare(from_windows)
    assert from_windows.manage("check") == "No problems found.\n"
    assert "SECRET_KEY is new." in from_windows.manage("rotatekey")
    assert from_windows.manage("makemigrations", "--check") == "No changes detected.\n"


# Modes, links and owners of files; signals and forks


@pytest.mark.weekly
@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_no_code_uses_what_another_system_does_not_have(plain: Service, system: str) -> None:
    """The types of the standard library know which functions a system has: `os.fork`, `os.chown`, `signal.SIGHUP` …"""
    done = plain.run("-m", "mypy", "--platform", system)
    assert done.returncode == 0, done.stdout
    hook = [sys.executable, "-m", "mypy", "--platform", system, "hooks", "answers.py"]
    subprocess.run(hook, check=True, cwd=ROOT, env={**os.environ, "MYPY_CACHE_DIR": str(plain.project / ".mypy_cache")})


# As the first entry of PYTHONPATH, it runs at the start. Windows ignores all modes but "read-only", and lets only some
# users make links.
NO_MODES = """
import os

def refuse(*arguments, **options):
    raise OSError("A required privilege is not held by the client")

os.chmod = lambda *arguments, **options: None
os.symlink = os.link = refuse
"""


@pytest.mark.weekly
def test_rendering_and_keys_need_no_modes_and_no_links(run: Run, output: Path, plain: Service, tmp_path: Path) -> None:
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(NO_MODES)
    guarded = {"PYTHONPATH": str(tmp_path / "guard")}
    done = run("--no-input", **guarded)
    assert (done.returncode, done.stderr) == (0, "")
    service = Service(output / "my-service", plain.python, guarded)
    prepare(service)
    assert "SECRET_KEY is new." in service.manage("rotatekey")
    assert "blog" in service.manage("startapp", "blog", "--model", "Post")
    assert service.run("manage.py", "removeapp", "blog", "--yes").stdout.endswith("Removed blog.\n")


# The console


@pytest.mark.weekly
def test_a_console_with_few_characters_shows_everything(run: Run, output: Path, plain: Service) -> None:
    """Not UTF-8, as a pipe on Windows."""
    narrow = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    done = run("--no-input", **narrow)
    assert (done.returncode, done.stderr) == (0, "")
    service = Service(output / "my-service", plain.python, narrow)
    for command in (["--help"], ["migrate"], ["check"], ["showmigrations"], ["routes"], ["diffsettings"]):
        done = service.run("manage.py", *command)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, command
