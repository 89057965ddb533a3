"""`upgrade`, with a small template in a repository of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.core.cli.commands import upgrade
from tests.commands import Outcome, call

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

FOLDER = "{{cookiecutter.project_slug}}"
ORIGIN = {
    "template": "elsewhere",
    "commit": "v{{ cookiecutter._version }}",
    "context": {
        "cookiecutter": {
            "project_slug": "{{ cookiecutter.project_slug }}",
            "colour": "{{ cookiecutter.colour }}",
            "_version": "{{ cookiecutter._version }}",
        }
    },
}
LINES = "".join(f"line {number}\n" for number in range(9))
FIRST = {
    "taken.txt": LINES,
    "removed.txt": "removed\n",
    "merged.txt": LINES,
    "conflict.txt": LINES,
    "kept.txt": LINES,
    "missed.txt": LINES,
    "colour.txt": "{{ cookiecutter.colour }}\n",
    "long name of a file.txt": LINES * 2,
    "pages/one.txt": LINES * 6,
    "pages/two.txt": LINES * 7,
    "requirements.txt": LINES,
    "app/shop/__init__.py": "",
    "app/shop/routes.py": LINES * 3,
    "app/shop/migrations/shop_0001_initial.py": LINES * 4,
    "app/people/migrations/people_0001_initial.py": LINES * 5,
}
SECOND = {
    "taken.txt": LINES + "new\n",
    "removed.txt": None,
    "merged.txt": LINES + "new\n",
    "conflict.txt": LINES + "new\n",
    "missed.txt": LINES + "new\n",
    "new.txt": "new\n",
    "long name of a file.txt": None,
    "other name.txt": LINES * 2,
    "pages/one.txt": None,
    "pages/two.txt": None,
    "sheets/one.txt": LINES * 6,
    "sheets/two.txt": LINES * 7,
    "requirements.txt": LINES + "new\n",
    "app/shop/routes.py": LINES * 3 + "new\n",
    "app/shop/more/models.py": "new\n",
    "app/people/migrations/people_0001_initial.py": LINES * 5 + "new\n",
    "app/people/migrations/people_0002_more.py": "new\n",
}
CHANGES = """# Changes

## Unreleased

What nobody has yet.

## 0.2.0 (2026-02-03)

### What you must do

Two things.

## 0.1.0 (2026-01-02)

### What you must do

Nothing.
"""


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of git without the developer's own."""
    file = tmp_path / "gitconfig"
    file.write_text("[user]\n    name = Ada\n    email = ada@example.com\n[init]\n    defaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(file))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return file


def git(folder: Path, *arguments: str) -> str:
    command = [str(shutil.which("git")), *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def write(folder: Path, contents: dict[str, str | None]) -> None:
    for name, text in contents.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=A change")


def publish(template: Path, version: str, contents: dict[str, str | None], **prompts: str) -> None:
    prompts = {"project_slug": "service", "colour": "red", **prompts, "_version": version}
    files = {f"{FOLDER}/{name}": text for name, text in contents.items()}
    write(template, {**files, "cookiecutter.json": json.dumps(prompts)})
    commit(template)
    git(template, "tag", f"v{version}")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with two versions."""
    template = tmp_path / "template"
    write(
        template, {"CHANGELOG.md": CHANGES, f"{FOLDER}/.cruft.json": json.dumps(ORIGIN), f"{FOLDER}/.env": "KEY=new\n"}
    )
    git(template, "init", "--quiet")
    publish(template, "0.1.0", {**FIRST})
    publish(template, "0.2.0", SECOND, shape="round")
    return template


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of the first version, in a repository."""
    return make_project(tmp_path / "project", template, monkeypatch)


def make_project(project: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    context = {"cookiecutter": {"project_slug": "service", "colour": "blue", "_version": "0.1.0", "_template": "x"}}
    origin = {"template": str(template), "commit": "v0.1.0", "skip": ["docs"], "context": context}
    write(project, {**FIRST, "colour.txt": "blue\n", ".cruft.json": json.dumps(origin), ".gitignore": ".env\n"})
    git(project, "init", "--quiet")
    commit(project)
    write(project, {".env": "KEY=secret\n"})
    monkeypatch.setattr(upgrade, "BASE_DIR", project)
    return project


def edit(project: Path) -> None:
    """Do what an owner does: edit files, delete one, and move an app."""
    write(
        project,
        {
            "merged.txt": "ours\n" + LINES,
            "conflict.txt": LINES + "ours\n",
            "kept.txt": LINES + "ours\n",
            "missed.txt": None,
            "long name of a file.txt": LINES * 2 + "ours\n",
            "pages/ours.txt": "ours\n",
            "requirements.txt": "ours\n" + LINES,
        },
    )
    shutil.copytree(project / "app" / "shop", project / "app" / "store")
    shutil.rmtree(project / "app" / "shop")
    commit(project)


EXPECTED = """\
taken over                               .cruft.json
taken over                               taken.txt
new                                      app/people/migrations/people_0002_more.py
new                                      new.txt
new                                      sheets/one.txt
new                                      sheets/two.txt
removed                                  long name of a file.txt
removed                                  pages/one.txt
removed                                  pages/two.txt
removed                                  removed.txt
merged                                   merged.txt
merged                                   other name.txt
merged                                   requirements.txt
kept as yours                            kept.txt
deleted by you                           app/shop/__init__.py
deleted by you                           app/shop/migrations/shop_0001_initial.py
deleted by you                           app/shop/more/models.py
deleted by you, changed by the template  app/shop/routes.py
deleted by you, changed by the template  missed.txt
changed migration, may have run          app/people/migrations/people_0001_initial.py
conflict                                 conflict.txt

## 0.2.0 (2026-02-03)

### What you must do

Two things.

"""


def state(project: Path) -> tuple[str, ...]:
    return tuple(git(project, *command) for command in (("branch", "--list"), ("status", "--porcelain"), ("log",)))


async def test_an_upgrade_is_a_commit_in_which_conflicts_stand_inline_after_a_dry_run_that_changes_nothing(
    project: Path,
) -> None:
    edit(project)
    before = state(project)

    outcome = await call("upgrade", "--dry-run")

    assert (outcome.status, outcome.err) == (0, "")
    report, _, rest = outcome.out.partition("Nothing has changed.")
    assert report == EXPECTED
    assert rest.endswith("git switch main\n    git branch -D upgrade-0.2.0\n")
    assert state(project) == before

    outcome = await call("upgrade")

    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(EXPECTED)
    assert git(project, "branch", "--show-current") == "upgrade-0.2.0\n"
    assert (await refused()).startswith("A cherry-pick is not finished: ")
    conflict = (project / "conflict.txt").read_text()
    assert conflict.startswith(f"{LINES}<<<<<<< HEAD\nours\n=======\nnew\n>>>>>>> ")
    assert (project / "merged.txt").read_text() == f"ours\n{LINES}new\n"
    assert (project / "other name.txt").read_text() == f"{LINES * 2}ours\n"
    assert (project / "colour.txt").read_text() == "blue\n"
    assert (project / ".env").read_text() == "KEY=secret\n"
    assert (project / "pages" / "ours.txt").read_text() == "ours\n"
    assert not (project / "app" / "shop").exists()
    assert (project / "app" / "store" / "routes.py").read_text() == LINES * 3
    origin = json.loads((project / ".cruft.json").read_text())
    assert origin["skip"] == ["docs"]
    assert Path(origin["template"]) == project.parent / "template"
    assert origin["commit"] == git(Path(origin["template"]), "rev-parse", "v0.2.0").strip()
    assert origin["context"]["cookiecutter"] == {"project_slug": "service", "colour": "blue", "_version": "0.2.0"}

    for command in ("git cherry-pick --abort", "git switch main", "git branch -D upgrade-0.2.0"):
        assert f"\n    {command}" in outcome.out
        git(project, *command.split()[1:])
    assert state(project) == before


async def test_without_conflicts_it_is_committed_and_a_second_time_there_is_nothing_to_do(project: Path) -> None:
    (project / "long name of a file.txt").unlink()
    commit(project)

    outcome = await call("upgrade", "--to", "v0.2.0")

    assert not (project / "other name.txt").exists()  # the same file, under a new name
    assert "Resolve" not in outcome.out
    assert "python manage.py migrate" in outcome.out
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "log", "--format=%s").splitlines() == ["Upgrade the template to 0.2.0", "A change", "A change"]
    assert (await call("upgrade")).out == "The project has 0.2.0, the newest version of the template.\n"
    assert (await call("upgrade", "--to", "0.2.0")).out == "The project has 0.2.0 already.\n"
    assert (await call("upgrade", "--to", "0.1.0")).err == (
        "The project has 0.2.0 already. `git revert` can undo an upgrade."
    )


async def test_a_project_below_the_root_of_its_repository(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    project = make_project(repository / "back ends" / "service", template, monkeypatch)
    shutil.rmtree(project / ".git")
    git(repository, "init", "--quiet")
    write(repository, {"taken.txt": "not ours\n"})
    edit(project)

    outcome = await call("upgrade")

    assert outcome.out.startswith(EXPECTED)
    assert (project / "taken.txt").read_text() == f"{LINES}new\n"
    assert (repository / "taken.txt").read_text() == "not ours\n"


async def test_a_project_made_before_versions(project: Path, template: Path) -> None:
    """cruft has recorded the commit. Then every version is newer."""
    origin = json.loads((project / ".cruft.json").read_text())
    origin["commit"] = git(template, "rev-parse", "v0.1.0").strip()
    del origin["context"]["cookiecutter"]["_version"]
    write(project, {".cruft.json": json.dumps(origin)})
    commit(project)

    outcome = await call("upgrade", "--dry-run")

    assert "## 0.1.0 (2026-01-02)" in outcome.out
    assert "taken over" in outcome.out


async def refused(*options: str) -> str:
    """Return the error message, a line."""
    outcome: Outcome = await call("upgrade", *options)
    assert (outcome.status, outcome.out) == (1, "")
    assert "\n" not in outcome.err
    return outcome.err


async def test_a_new_app_whose_name_is_taken(project: Path, template: Path) -> None:
    publish(template, "0.3.0", {"app/teams/__init__.py": ""})
    write(project, {"app/teams/__init__.py": "# ours\n"})
    commit(project)
    before = state(project)

    assert "brings an app 'teams', and you have one: rename yours first" in await refused()
    assert state(project) == before


async def test_a_new_app_with_an_empty_file_while_an_empty_file_that_the_owner_deleted_goes(
    project: Path, template: Path
) -> None:
    edit(project)
    shutil.rmtree(template / FOLDER / "app" / "shop")
    publish(template, "0.3.0", {"app/teams/__init__.py": "", "conflict.txt": LINES})

    assert (await call("upgrade")).status == 0

    assert (project / "app" / "teams" / "__init__.py").exists()


async def test_a_module_of_the_owner_with_the_name_of_a_library(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, {"cookiecutter.py": "raise SystemExit('ours')\n"})
    commit(project)
    monkeypatch.chdir(project)

    assert (await call("upgrade")).status == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no .cruft.json, which names the template and its version"),
        ("{", ".cruft.json cannot be read (JSONDecodeError: "),
        ("{}", ".cruft.json cannot be read (KeyError: 'template')"),
        ('{"template": "x", "context": []}', ".cruft.json cannot be read (TypeError: "),
    ],
)
async def test_an_origin_that_cannot_be_read(project: Path, content: str | None, said: str) -> None:
    write(project, {".cruft.json": content})

    message = await refused()

    assert message.startswith(said)
    assert message.endswith("docs/updating.md shows what belongs in it.")


async def test_a_project_without_a_repository_or_outside_it(project: Path) -> None:
    (project / ".git").rename(project.parent / "aside")
    assert (await refused()).startswith("The project is not in a git repository: ")

    git(project, "init", "--quiet")
    assert await refused() == "The last commit has no .cruft.json: commit the project first."


async def test_a_project_that_belongs_to_another_user(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own tests use it
    assert await refused() == (
        "The project's folder belongs to somebody else, so git refuses. "
        f"To allow it: `git config --global --add safe.directory {project}`."
    )


async def test_what_is_not_committed(project: Path) -> None:
    write(project, {"draft.txt": "a\n"})
    assert await refused() == (
        "Not everything is committed, for example draft.txt: commit it, or run `git stash --include-untracked`."
    )


async def test_env_that_git_would_commit(project: Path) -> None:
    git(project, "config", "status.showUntrackedFiles", "no")
    write(project, {".gitignore": "*.pem\n"})
    git(project, "commit", "--quiet", "--all", "--message=A change")
    assert await refused() == "git does not ignore .env, which has secrets: add a line `.env` to .gitignore."


@pytest.mark.parametrize("path", ["new.txt", "other name.txt", "sheets", "app/people/migrations/people_0002_more.py/x"])
async def test_an_ignored_file_where_a_new_one_comes(project: Path, path: str) -> None:
    write(project, {".gitignore": f".env\n/{path}\n"})
    commit(project)
    write(project, {path: "ours\n"})
    before = state(project)

    message = await refused()

    assert message.startswith("The new version brings ")
    assert message.endswith(", and you have one that is not committed: move it first.")
    assert path.removesuffix("/x") in message
    assert (project / path).read_text() == "ours\n"
    assert state(project) == before


async def test_an_ignored_copy_of_what_the_owner_has_deleted(project: Path) -> None:
    git(project, "rm", "--quiet", "-r", "--cached", "taken.txt", "app/shop")
    write(project, {".gitignore": ".env\n/taken.txt\n/app/shop/\n", "app/shop/more/models.py": "ours\n"})
    commit(project)

    assert (await call("upgrade")).status == 0

    assert git(project, "status", "--porcelain") == ""
    assert (project / "taken.txt").read_text() == LINES
    assert (project / "app" / "shop" / "more" / "models.py").read_text() == "ours\n"


async def test_no_branch_and_a_branch_that_exists(project: Path) -> None:
    git(project, "branch", "upgrade-0.2.0")
    assert (await refused()).startswith("There is a branch upgrade-0.2.0 already: ")
    git(project, "switch", "--quiet", "upgrade-0.2.0")
    assert (await refused()).startswith("You are on upgrade-0.2.0, the branch of the upgrade: ")

    git(project, "switch", "--quiet", "--detach")
    assert await refused() == "No branch is checked out: go to one with `git switch`."


async def test_no_name_in_gits_configuration(project: Path, identity: Path) -> None:
    identity.write_text("[user]\n    useConfigOnly = true\n")
    assert (await refused()).startswith("git does not know you: ")


@pytest.mark.skipif(os.name == "nt", reason="a program without an extension")
@pytest.mark.parametrize("hook", ["prepare-commit-msg", "post-checkout"])
async def test_a_hook_that_refuses_the_commit_or_the_branch(project: Path, hook: str) -> None:
    file = project / ".git" / "hooks" / hook
    write(project, {f".git/hooks/{hook}": "#!/bin/sh\necho it is Friday >&2\nexit 1\n"})
    file.chmod(0o755)
    before = state(project)

    outcome = await call("upgrade")

    assert outcome.status == 1
    assert outcome.err.endswith(" it is Friday")
    assert state(project) == before
    assert (project / "taken.txt").read_text() == LINES
    file.unlink()
    assert (await call("upgrade")).status == 0


async def test_a_version_that_is_not_there(project: Path, template: Path) -> None:
    assert await refused("--to", "0.9.0") == "There is no version 0.9.0. There are: 0.1.0, 0.2.0."
    assert await refused("--to", "new") == "There is no version new. There are: 0.1.0, 0.2.0."
    git(template, "tag", "--delete", "v0.1.0", "v0.2.0")
    assert (await refused()).startswith("The template has no versions: ")


async def test_tags_that_are_no_versions_and_a_template_without_a_list_of_changes(
    project: Path, template: Path
) -> None:
    (template / "CHANGELOG.md").unlink()
    publish(template, "0.3.0", {})
    for name in ("0.3.0", "0.9.0", "v00.9.0", "v1.0.0-rc1", "vnext", "old/v9.0.0"):
        git(template, "tag", name)

    outcome = await call("upgrade")

    assert (outcome.status, outcome.err) == (0, "")
    assert git(project, "branch", "--show-current") == "upgrade-0.3.0\n"
    assert await refused("--to", "0.9.0") == "There is no version 0.9.0. There are: 0.1.0, 0.2.0, 0.3.0."


async def test_a_template_that_is_gone(project: Path, template: Path) -> None:
    template.rename(template.with_name("moved"))
    message = await refused()
    assert message == (
        "The template that .cruft.json names cannot be reached: "
        f"fatal: '{template}' does not appear to be a git repository"
    )


async def test_the_password_of_a_template(project: Path, free_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address = f"http://ada:secret@127.0.0.1:{free_tcp_port}/x.git"
    origin = json.loads((project / ".cruft.json").read_text())
    write(project, {".cruft.json": json.dumps({**origin, "template": address})})
    commit(project)
    message = await refused()
    assert f"fatal: unable to access 'http://127.0.0.1:{free_tcp_port}/x.git/'" in message
    assert "secret" not in message


async def test_an_old_version_that_the_template_does_not_have(project: Path, template: Path) -> None:
    git(template, "tag", "--delete", "v0.1.0")
    assert (await refused()).startswith("The template does not have v0.1.0, which .cruft.json names: ")


async def test_answers_that_the_new_version_refuses(project: Path, template: Path) -> None:
    hook = template / "hooks" / "post_gen_project.py"
    write(template, {"hooks/post_gen_project.py": "import sys\nsys.exit('colour: blue is out of fashion')\n"})
    assert hook.exists()
    publish(template, "0.3.0", {})
    assert await refused() == "The template cannot be rendered with your answers: colour: blue is out of fashion"
    write(template, {"hooks/post_gen_project.py": None})
    publish(template, "0.4.0", {"new.txt": "{{ 1 / 0 }}"})
    assert (await refused()).endswith(": ZeroDivisionError: division by zero")


async def test_programs_that_are_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert await refused() == "`git` is not installed, and `upgrade` needs it."
    monkeypatch.setattr("app.core.cli.commands.upgrade.template.find_spec", lambda _: None)
    assert (await refused()).startswith("`cookiecutter` is not installed: ")
