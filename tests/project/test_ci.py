"""CI of projects and of the template: the files are valid and safe, and their commands work."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import FOLDER, ROOT
from tests.kit.repositories import git
from tests.kit.servers import PostgreSQL, clean_environment
from tests.kit.services import Service, mypy_cache

TOOLS = Path(sys.executable).parent
WORKFLOW, PIPELINE = ".github/workflows/ci.yml", ".gitlab-ci.yml"
SCHEMAS = {
    WORKFLOW: "vendor.github-workflows",
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/idea.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    f"{FOLDER}/{WORKFLOW}": "vendor.github-workflows",
    f"{FOLDER}/.github/dependabot.yml": "vendor.dependabot",
    f"{FOLDER}/{PIPELINE}": "vendor.gitlab-ci",
    f"{FOLDER}/renovate.json": "vendor.renovate",
}
SERVER = re.compile(r"postgresql://postgres@(?:localhost|database):5432/postgres")
EVERYWHERE = ("sudo apt-get", "apt-get", "docker")  # need root, or a container engine

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """Return all output of the program. It must succeed."""
    env = clean_environment(**variables)
    done = subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{command}: {done.stdout[-5000:]}{done.stderr[-5000:]}"
    return done.stdout + done.stderr


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# The files


@pytest.mark.fast
@pytest.mark.parametrize("name", SCHEMAS)
def test_it_has_the_form_that_its_reader_expects(name: str) -> None:
    options = ["--data-transform", "gitlab-ci"] if name.endswith(PIPELINE) else []
    run(TOOLS / "check-jsonschema", "--builtin-schema", SCHEMAS[name], *options, name)


@pytest.mark.fast
@pytest.mark.parametrize("name", [WORKFLOW, f"{FOLDER}/{WORKFLOW}"])
def test_no_job_runs_for_ever(name: str) -> None:
    run(TOOLS / "check-jsonschema", "--builtin-schema", "custom.github-workflows-require-timeout", name)


@pytest.mark.fast
@pytest.mark.parametrize("folder", [".github", f"{FOLDER}/.github"])
def test_no_workflow_has_more_rights_than_it_needs_or_takes_what_may_change(folder: str) -> None:
    """Among much else, zizmor refuses actions that are not pinned by hash, kept credentials, and short cooldowns."""
    run(TOOLS / "zizmor", "--offline", "--no-progress", "--persona=auditor", folder)
    assert read(ROOT / folder / "workflows" / "ci.yml")["permissions"] == {}


def actions(name: str) -> set[str]:
    return set(re.findall(r"uses: (\S+@[0-9a-f]{40} # v[\d.]+)$", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.fast
def test_both_take_the_same_actions() -> None:
    assert actions(WORKFLOW) == actions(f"{FOLDER}/{WORKFLOW}")
    assert len({action.partition("@")[0] for action in actions(WORKFLOW)}) == len(actions(WORKFLOW)) == 2


@pytest.mark.fast
@pytest.mark.parametrize("folder", [ROOT, ROOT / FOLDER])
def test_a_development_container_makes_what_there_is(folder: Path) -> None:
    container = json.loads((folder / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["forwardPorts"] == [8000]
    *_, make = container["postCreateCommand"].split(" && ")
    rules = (ROOT / FOLDER / "environment.mk").read_text() + (folder / "Makefile").read_text()
    rules = rules.replace("$(VENV)", ".venv")
    for target in make.removeprefix("make ").split():
        assert re.search(rf"^{re.escape(target)}:", rules, re.MULTILINE), target


# The commands


@dataclass(frozen=True)
class Step:
    job: str
    command: str
    env: dict[str, str] = field(default_factory=dict)


def steps_on_github(file: Path) -> Iterator[Step]:
    for name, job in read(file)["jobs"].items():
        for step in job["steps"]:
            if "run" in step:
                yield Step(name, step["run"], step.get("env", {}))


def steps_on_gitlab(file: Path) -> Iterator[Step]:
    """One for each job: its lines run in one shell."""
    for name, job in read(file).items():
        if name not in ("workflow", "default"):
            lines = [*job.get("before_script", ()), *job["script"]]
            yield Step(name, "\n".join(lines), job.get("variables", {}))


def settings_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", text))


@pytest.mark.fast
def test_github_and_gitlab_do_the_same() -> None:
    github = list(steps_on_github(ROOT / FOLDER / WORKFLOW))
    gitlab = list(steps_on_gitlab(ROOT / FOLDER / PIPELINE))
    lines = {line.removeprefix("TEST_DATABASE_URL=$SERVER ") for step in gitlab for line in step.command.splitlines()}
    exports = {line for line in lines if line.startswith("export ")}
    assert {step.command.removeprefix("sudo ").replace("&& sudo ", "&& ") for step in github} == lines - exports
    (production,) = [step.env for step in github if "ENVIRONMENT" in step.env]
    (server,) = [step.env["SERVER"] for step in gitlab if "SERVER" in step.env]
    exported = {**settings_of(" ".join(exports)), "DATABASE_URL": SERVER.sub("", server)}
    assert exported == {**production, "DATABASE_URL": SERVER.sub("", production["DATABASE_URL"])}
    pythons = read(ROOT / FOLDER / WORKFLOW)["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert read(ROOT / FOLDER / PIPELINE)["test"]["parallel"]["matrix"] == [{"PYTHON": pythons}]


# Instead of the whole suite, which other tests run: enough to see that the command is right.
QUICK = {
    "make coverage": "-q tests/hello --cov-fail-under=0",
    "make lint test": "-q tests/hello",
    "make audit": "--dry-run",  # the advisories are on the network
}
WHOLE = {"make audit": "--dry-run"}


@pytest.fixture
def clone(plain: Service, tmp_path: Path) -> Path:
    """The project as CI gets it: without `.env`. Its environment is there, because making one takes long."""
    ignored = shutil.ignore_patterns(".env", ".*_cache", "*.sqlite3*")
    clone = shutil.copytree(plain.project, tmp_path / "clone", ignore=ignored)
    shutil.copy(ROOT / FOLDER / PIPELINE, clone)
    environment = plain.python.parents[1]
    (clone / ".venv").symlink_to(environment)
    for mark in (".installed", ".installed-dev"):
        (environment / mark).touch()
    return clone


@pytest.fixture
def database(cluster: PostgreSQL, tmp_path: Path) -> str:
    """The address of the server that CI starts, with a database for this test."""
    return cluster.create_database(tmp_path.name)


def do(step: Step, clone: Path, database: str, instead: dict[str, str]) -> None:
    """Run it as GitHub does: `bash -e`. Commands that need root or a container engine are left out."""
    lines = [line for line in step.command.splitlines() if not line.startswith(EVERYWHERE)]
    if instead is QUICK:
        lines = [line for line in lines if not line.startswith("make lock")]  # a test of its own
    variables = {name: SERVER.sub(database, value) for name, value in step.env.items()}
    arguments = " ".join(instead.get(line.removeprefix("TEST_DATABASE_URL=$SERVER "), "") for line in lines)
    variables |= {"ARGS": arguments, "MYPY_CACHE_DIR": mypy_cache((clone / ".venv").resolve())}
    path = f"{TOOLS}:{clean_environment()['PATH']}"  # `make lock` finds uv there
    run("bash", "-e", "-c", "\n".join(lines), cwd=clone, PATH=path, **variables)


@not_on_windows
def test_the_steps_of_github_work(clone: Path, database: str) -> None:
    for step in steps_on_github(clone / WORKFLOW):
        do(step, clone, database, QUICK)


@not_on_windows
@pytest.mark.weekly
def test_the_steps_of_github_work_with_the_whole_suite(clone: Path, database: str) -> None:
    for step in steps_on_github(clone / WORKFLOW):
        do(step, clone, database, WHOLE)


@not_on_windows
@pytest.mark.weekly
def test_the_steps_of_gitlab_work_with_the_whole_suite(clone: Path, database: str) -> None:
    for step in steps_on_gitlab(clone / PIPELINE):
        do(step, clone, database, WHOLE)


@not_on_windows
def test_production_settings_that_are_wrong_fail(clone: Path, database: str) -> None:
    (step,) = [step for step in steps_on_github(clone / WORKFLOW) if "ENVIRONMENT" in step.env]
    with pytest.raises(AssertionError, match=r"core\.[EW]"):
        do(Step(step.job, step.command, {**step.env, "ALLOWED_HOSTS": "*"}), clone, database, QUICK)


@pytest.mark.fast
def test_the_steps_of_the_template_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)) | {"lock"}
    commands = [step.command for step in steps_on_github(ROOT / WORKFLOW)]
    assert "bash .ci/run" in commands
    for command in commands:
        for word in command.split()[1:]:
            if command.startswith("make ") and "=" not in word:
                assert word in targets, command
            if word.startswith((".ci/", "tests/", "requirements")):
                assert (ROOT / word).is_file() or (ROOT / word).is_dir(), command


# Before a commit and a push


@not_on_windows
def test_a_commit_and_a_push_are_checked_first(clone: Path) -> None:
    git(clone, "init", "--quiet")
    run(clone / ".venv" / "bin" / "python", "manage.py", "initenv", cwd=clone)
    git(clone, "add", "--all")
    hook = (str(TOOLS / "pre-commit"), "run", "--all-files")
    env = {"PRE_COMMIT_HOME": str(clone.parent / "cache"), "MYPY_CACHE_DIR": mypy_cache((clone / ".venv").resolve())}
    assert run(*hook, cwd=clone, **env).count("Passed") == 2
    assert run(*hook, "--hook-stage=pre-push", cwd=clone, **env).count("Passed") == 2
    (clone / "app" / "hello" / "routes.py").write_text("import   os\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="files were modified by this hook"):
        run(*hook, cwd=clone, **env)


@pytest.mark.fast
def test_the_template_has_the_same_checks() -> None:
    run(TOOLS / "pre-commit", "validate-config", ".pre-commit-config.yaml", f"{FOLDER}/.pre-commit-config.yaml")
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert "make lint" in {hook["entry"] for hook in repository["hooks"]}
