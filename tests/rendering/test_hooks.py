"""The functions of the hook, called without rendering."""

import json
import re
import shutil
import stat
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import FOLDER, ROOT
from tests.kit.repositories import git

pytestmark = pytest.mark.fast

CI_FILES = (".github/workflows/ci.yml", ".github/dependabot.yml", ".gitlab-ci.yml", "renovate.json")


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
    for name in (*CI_FILES, ".env.example", "app/core/settings/env_file.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / FOLDER / name, tmp_path / name)
    (tmp_path / ".env.example").write_text("# A key.\nKEY=made-by-initenv\nOTHER=made-by-initenv\n")
    return tmp_path


def files(project: Path) -> set[str]:
    found = (path for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(project).as_posix() for path in found}


ANSWERS = {"project_slug": "service", "author_name": "Zoë 'Z'", "license": "MIT", "database": "SQLite", "ci": "GitHub"}
PRIVATE = {"_template": "gh:org/template", "_repo_dir": "clones/template", "_output_dir": "/x", "_version": "1.2.3"}


def run(hook: ModuleType, project: Path, license_name: str = "MIT", ci: str = "GitHub") -> None:
    hook.main(project, project / "no-template", {**ANSWERS, **PRIVATE, "license": license_name, "ci": ci})


def origin(hook: ModuleType, project: Path, template: Path, **private: str) -> dict[str, Any]:
    hook.keep_origin(project, template, {**ANSWERS, **PRIVATE, **private})
    content: dict[str, Any] = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the template, as cookiecutter makes it for a URL."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet")
    git(clone, "commit", "--quiet", "--allow-empty", "--message=A version")
    return clone


def test_the_origin_has_the_answers_and_no_folder_of_this_machine(hook: ModuleType, project: Path) -> None:
    found = origin(hook, project, project / "no-template")
    assert found == {
        "template": "gh:org/template",
        "commit": "v1.2.3",
        "checkout": None,
        "context": {"cookiecutter": {**ANSWERS, "_version": "1.2.3"}},
        "directory": None,
    }


def test_the_origin_names_the_commit_where_git_knows_it(hook: ModuleType, project: Path, clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD").strip()
    assert origin(hook, project, clone)["commit"] == head
    (clone / "sub").mkdir()  # the commit of a repository around the template is not the template's
    assert origin(hook, project, clone / "sub")["commit"] == "v1.2.3"


def test_the_origin_does_without_git(
    hook: ModuleType, project: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert origin(hook, project, clone)["commit"] == "v1.2.3"


@pytest.mark.parametrize(
    ("remote", "recorded"),
    [
        ("https://example.com/org/template.git", "https://example.com/org/template.git"),
        ("https://ada:secret@example.com/template", "https://example.com/template"),
        ("https://secret@example.com/template", "https://example.com/template"),
        ("git@example.com:org/template.git", "git@example.com:org/template.git"),
    ],
)
def test_the_origin_names_the_address_of_the_clone_without_a_password(
    hook: ModuleType, project: Path, clone: Path, remote: str, recorded: str
) -> None:
    assert origin(hook, project, project / "no-template", _template=remote)["template"] == recorded
    git(clone, "remote", "add", "origin", remote)
    assert origin(hook, project, clone)["template"] == recorded


def test_a_folder_is_named_with_its_whole_path(hook: ModuleType, project: Path, clone: Path) -> None:
    git(clone, "remote", "add", "origin", "https://example.com/")
    assert origin(hook, project, clone, _template="../clone", _repo_dir="../clone")["template"] == str(clone)


def test_what_others_have_added_to_the_origin_stays(hook: ModuleType, project: Path) -> None:
    (project / ".cruft.json").write_text('{"skip": ["docs"], "commit": "old"}')
    found = origin(hook, project, project / "no-template")
    assert (found["skip"], found["commit"]) == (["docs"], "v1.2.3")


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
    [
        ("GitHub", {".github/workflows/ci.yml", ".github/dependabot.yml"}),
        ("GitLab", {".gitlab-ci.yml", "renovate.json"}),
        ("none", set()),
    ],
)
def test_only_the_chosen_ci_is_left(hook: ModuleType, project: Path, chosen: str, left: set[str]) -> None:
    hook.keep_ci(project, chosen)
    assert files(project) & set(CI_FILES) == left
    assert (project / ".github").exists() == (chosen == "GitHub")


def test_files_of_others_in_github_stay(hook: ModuleType, project: Path) -> None:
    own = project / ".github" / "CODEOWNERS"
    own.write_text("* @ada\n")
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
        "service is ready. Next:",
        "",
        "    cd service",
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


def test_a_broken_origin_is_one_line(hook: ModuleType, project: Path) -> None:
    (project / ".cruft.json").write_text("{")
    with pytest.raises(SystemExit, match="The project could not be finished: ") as failure:
        run(hook, project)
    assert "\n" not in str(failure.value)
