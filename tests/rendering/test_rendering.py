"""The files of a rendered project, and its secrets."""

import ast
import fnmatch
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import FOLDER, ROOT, Render, Run
from tests.kit.repositories import append, commit, files, git, secrets_of

COPIED = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
SUFFIXES = (".py", ".html", ".css", ".js", ".mako", ".jinja", ".txt", ".gz")  # their own braces have another meaning
DATABASES = ("SQLite", "PostgreSQL")

# As the first entry of PYTHONPATH, it runs at the start of every Python process, also of the hook.
NO_NETWORK = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        os.write(2, f"network: {event}".encode())
        os._exit(99)

sys.addaudithook(refuse)
"""


def is_copied(path: Path) -> bool:
    """cookiecutter compares its patterns with the path from the project's root."""
    return any(fnmatch.fnmatch(str(path), pattern) for pattern in COPIED)


@pytest.mark.fast
def test_a_default_project_has_every_file_of_the_template_but_what_was_not_chosen(
    template: Path, render: Render
) -> None:
    not_chosen = {"LICENSE.MIT", "LICENSE.BSD-3-Clause", "LICENSE.Apache-2.0", ".gitlab-ci.yml", "renovate.json"}
    assert files(render()) == files(template / FOLDER) - not_chosen | {"LICENSE", ".env", ".cruft.json"}


@pytest.mark.parametrize(
    ("chosen", "ci_files"),
    [
        ("GitHub", {".github/dependabot.yml", ".github/workflows/ci.yml"}),
        ("GitLab", {".gitlab-ci.yml", "renovate.json"}),
        ("none", set()),
    ],
)
def test_the_ci_is_the_chosen_one(render: Render, chosen: str, ci_files: set[str]) -> None:
    project = render(ci=chosen)
    assert {name for name in files(project) if name.startswith((".github/", ".gitlab", "renovate"))} == ci_files
    assert (project / ".github").exists() == (chosen == "GitHub")


@pytest.mark.parametrize(
    ("chosen", "title"),
    [
        ("MIT", "MIT License"),
        ("BSD-3-Clause", "BSD 3-Clause License"),
        ("Apache-2.0", "Apache License"),
    ],
)
def test_the_license_is_the_chosen_one(render: Render, chosen: str, title: str) -> None:
    project = render(license=chosen, author_name="Ada & 'Co'")
    text = (project / "LICENSE").read_text(encoding="utf-8")
    assert text.split("\n\n")[0].strip().startswith(title)
    assert ("Ada & 'Co'" in text) == (chosen != "Apache-2.0")  # this text has no owner
    pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["license"] == chosen


def test_without_a_license_nothing_speaks_of_one(render: Render) -> None:
    project = render(license="none")
    assert not (project / "LICENSE").exists()
    pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert "license" not in pyproject["project"]


@pytest.mark.parametrize("database", DATABASES)
def test_compose_has_a_server_only_where_it_is_chosen(render: Render, database: str) -> None:
    project = render(database=database)
    services = yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert ("database" in services) == (database == "PostgreSQL")
    address = services["app"]["environment"]["DATABASE_URL"]
    assert address.endswith("@database:5432/app" if database == "PostgreSQL" else "sqlite:////data/db.sqlite3")
    assert services["migrate"]["environment"].items() <= services["app"]["environment"].items()
    assert ("worker" in services) == ("redis" in services) == ("TASK_QUEUE" in services["app"]["environment"])
    assert ("worker" in services) == (database == "PostgreSQL")


def test_a_server_has_a_password_of_its_own(render: Render) -> None:
    project = render(database="PostgreSQL")
    assert secrets_of(project).keys() == {"SECRET_KEY", "POSTGRES_PASSWORD", "DATABASE_URL"}
    text = (project / ".env").read_text(encoding="utf-8")
    password = secrets_of(project)["POSTGRES_PASSWORD"]
    assert f"DATABASE_URL=postgresql://app:{password}@localhost:5432/app\n" in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sh")
@pytest.mark.parametrize("database", DATABASES)
def test_a_shell_and_docker_read_every_line_of_env_as_the_project_does(render: Render, database: str) -> None:
    """`docker run --env-file` takes all after the = as it is, and a shell splits at spaces."""
    text = (render(database=database) / ".env").read_text(encoding="utf-8")
    lines = [line.removeprefix("#") for line in text.splitlines() if re.match(r"#?[A-Z_]+=", line)]
    assert len(lines) > 20
    for line in lines:
        name, _, value = line.partition("=")
        shell = ["sh", "-euc", f'{line}\nprintf "%s" "${name}"']
        assert subprocess.run(shell, check=True, capture_output=True, text=True).stdout == value, name


@pytest.mark.parametrize("ci", ["GitHub", "GitLab", "none"])
@pytest.mark.parametrize("database", DATABASES)
def test_no_jinja_is_left_where_answers_stand(render: Render, database: str, ci: str) -> None:
    project = render(database=database, ci=ci)
    rendered = [name for name in files(project) if not is_copied(Path(name))]
    assert "pyproject.toml" in rendered
    for name in rendered:
        text = (project / name).read_text(encoding="utf-8")
        assert not re.search(r"(?<!\$)\{\{|\{%|\{#|^#%", text, re.MULTILINE), name


@pytest.mark.fast
def test_two_projects_share_no_secret(render: Render) -> None:
    first = secrets_of(render(project_slug="first", database="PostgreSQL"))
    second = secrets_of(render(project_slug="second", database="PostgreSQL"))
    values = {*first.values(), *second.values()}
    assert len(values) == len(first) + len(second)
    # 43 characters of an alphabet of 64 carry 256 bits.
    assert all(len(value) >= 43 and len(set(value)) > 20 for value in values)


@pytest.mark.parametrize("database", DATABASES)
def test_no_tracked_file_holds_a_secret(render: Render, database: str) -> None:
    project = render(database=database)
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    tracked = git(project, "ls-files").splitlines()
    assert ".env.example" in tracked
    assert ".env" not in tracked
    texts = [(project / name).read_bytes() for name in tracked]
    for secret in secrets_of(project).values():
        assert not [text for text in texts if secret.encode() in text]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_reads_the_environment(render: Render) -> None:
    assert stat.S_IMODE((render() / ".env").stat().st_mode) == 0o600


def test_rendering_again_over_a_project_keeps_its_secrets_and_files(render: Render) -> None:
    project = render()
    environment = (project / ".env").read_bytes()
    own = [project / "app" / "own" / "models.py", project / ".github" / "CODEOWNERS"]
    for file in own:
        file.parent.mkdir(exist_ok=True)
        file.write_text("# ours\n")
    assert render(overwrite=True, ci="none", license="Apache-2.0") == project
    assert (project / ".env").read_bytes() == environment
    assert [file.read_text() for file in own] == ["# ours\n", "# ours\n"]
    assert not (project / ".github" / "workflows").exists()
    assert "Apache License" in (project / "LICENSE").read_text()


@pytest.mark.fast
def test_no_folder_is_copied_as_a_whole(template: Path) -> None:
    """When cookiecutter renders again, it empties such a folder, with the user's files."""
    root = template / FOLDER
    folders = [path.relative_to(root) for path in root.rglob("*") if path.is_dir()]
    assert folders
    assert not [folder for folder in folders if is_copied(folder)]


def test_a_file_with_jinja_of_its_own_is_copied_as_it_is(template: Path, render: Render) -> None:
    project = render()
    names = [name for name in files(template / FOLDER) if Path(name).suffix in SUFFIXES]
    assert names
    for name in names:
        assert is_copied(Path(name))
        assert (project / name).read_bytes() == (template / FOLDER / name).read_bytes()


@pytest.mark.fast
def test_python_is_valid_before_rendering(template: Path) -> None:
    sources = list(template.rglob("*.py"))
    assert template / "hooks" / "post_gen_project.py" in sources
    for source in sources:
        ast.parse(source.read_text(encoding="utf-8"), str(source))


@pytest.mark.fast
def test_toml_and_yaml_are_valid_before_rendering(template: Path) -> None:
    tomllib.loads((template / FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    found = [*(template / FOLDER).rglob("*.yaml"), *(template / FOLDER).rglob("*.yml")]
    assert template / FOLDER / "compose.yaml" in found
    for file in found:
        assert list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


@pytest.mark.fast
def test_every_dependency_has_an_upper_bound_and_a_pin_below_it(render: Render) -> None:
    for folder in (ROOT, render()):
        pyproject = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        pinned = (folder / "requirements-dev.txt").read_text()
        pins = dict(re.findall(r"^([\w.-]+)(?:\[.+\])?==(\S+)", pinned, re.MULTILINE))  # another test asks for extras
        asked = [*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["dev"]]
        for requirement in map(Requirement, asked):
            assert any(each.operator == "<" for each in requirement.specifier), requirement
            assert pins[requirement.name] in requirement.specifier, requirement


def test_no_file_names_a_registry_of_packages(render: Render) -> None:
    hosts = re.compile(rb"p[y]pi[.]org|pythonhos[t]ed|npmj[s]")  # written so that this file itself contains none
    for path in render(database="PostgreSQL").rglob("*"):
        assert not path.is_file() or not hosts.search(path.read_bytes()), path


def test_rendering_needs_no_network_and_no_other_program(
    run: Run, output: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    guard = tmp_path_factory.mktemp("guard")
    (guard / "sitecustomize.py").write_text(NO_NETWORK)
    nothing = str(tmp_path_factory.mktemp("empty"))
    guarded = {"PYTHONPATH": str(guard), "PATH": nothing}

    probe = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    blocked = subprocess.run(probe, check=False, env={**os.environ, **guarded}, capture_output=True)
    assert blocked.returncode == 99

    result = run("--no-input", **guarded)
    assert (result.returncode, result.stderr) == (0, "")
    assert (output / "my-service" / ".env").exists()
    origin = (output / "my-service" / ".cruft.json").read_text(encoding="utf-8")
    assert "_output_dir" not in origin
    assert str(output) not in origin


@pytest.fixture
def upstream(template: Path, tmp_path: Path) -> Path:
    """A repository of the template. Tests add versions to it."""
    repository = tmp_path / "upstream"
    shutil.copytree(template, repository)
    git(repository, "init", "--quiet")
    commit(repository)
    return repository


def cruft(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "cruft", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(upstream: Path, user_config: Path, output: Path) -> Path:
    """A project that cruft made, edited and committed."""
    arguments = ["--no-input", "--config-file", str(user_config), "--output-dir", str(output)]
    cruft(output, "create", str(upstream), *arguments)
    project = output / "my-service"
    with (project / "app" / "main.py").open("a") as file:
        file.write("\n# ours\n")
    git(project, "init", "--quiet")
    commit(project)
    return project


def test_an_update_brings_the_new_and_keeps_secrets_and_edits(upstream: Path, project: Path) -> None:
    environment = (project / ".env").read_bytes()
    append(upstream / FOLDER / ".env.example", "NEW_SECRET=made-by-initenv\n")
    append(upstream / FOLDER / "Dockerfile", "# new\n")
    commit(upstream)
    cruft(project, "update", "--skip-apply-ask")
    assert (project / ".env").read_bytes() == environment
    assert "NEW_SECRET" in (project / ".env.example").read_text()
    assert (project / "Dockerfile").read_text().endswith("# new\n")
    assert (project / "app" / "main.py").read_text().endswith("# ours\n")
    assert list(project.rglob("*.rej")) == []


@pytest.mark.parametrize("is_repository", [True, False])
def test_cruft_updates_what_cookiecutter_alone_has_made(upstream: Path, output: Path, is_repository: bool) -> None:
    """Without a repository, the origin names the tag. `cruft check` needs the commit, `cruft update` does not."""
    hidden = upstream.parent / "hidden"
    version = json.loads((upstream / "cookiecutter.json").read_text())["_version"]
    git(upstream, "tag", f"v{version}")
    if not is_repository:
        (upstream / ".git").rename(hidden)
    command = [sys.executable, "-m", "cookiecutter", "upstream", "--no-input", "--output-dir", str(output), "ci=GitLab"]
    subprocess.run(command, cwd=upstream.parent, check=True, capture_output=True)
    if not is_repository:
        hidden.rename(upstream / ".git")
    project = output / "my-service"
    git(project, "init", "--quiet")
    commit(project)
    if is_repository:
        cruft(project, "check")
    append(upstream / FOLDER / "Dockerfile", "# new\n")
    commit(upstream)
    with pytest.raises(subprocess.CalledProcessError):
        cruft(project, "check")
    cruft(project, "update", "--skip-apply-ask")
    cruft(project, "check")
    assert (project / "Dockerfile").read_text().endswith("# new\n")
    assert (project / ".gitlab-ci.yml").exists()
    assert list(project.rglob("*.rej")) == []
    assert git(project, "status", "--porcelain").split() == ["M", ".cruft.json", "M", "Dockerfile"]


def test_an_update_in_conflict_never_writes_a_secret_down(upstream: Path, project: Path) -> None:
    environment = (project / ".env").read_bytes()
    secret = secrets_of(project)["SECRET_KEY"].encode()
    append(upstream / FOLDER / "app" / "main.py", "\n# theirs\n")
    append(upstream / FOLDER / ".env.example", "NEW_SECRET=made-by-initenv\n")
    commit(upstream)
    cruft(project, "update", "--skip-apply-ask")
    assert (project / ".env").read_bytes() == environment
    changed = [path for path in project.rglob("*") if path.is_file() and path.name != ".env"]
    assert not [path for path in changed if secret in path.read_bytes()]
    assert not list(project.rglob(".env*.rej"))


def test_an_update_may_bring_new_filters(upstream: Path, project: Path) -> None:
    """One process renders both versions. There, Python would import `answers` only once."""
    source = upstream / "answers.py"
    text = source.read_text(encoding="utf-8").replace("in (checked,", "in (checked, shout,")
    source.write_text(f"{text}\n\ndef shout(text):\n    return text.upper()\n", encoding="utf-8")
    append(upstream / FOLDER / ".env.example", "# {{ cookiecutter.project_slug | shout }}\n")
    commit(upstream)
    cruft(project, "update", "--skip-apply-ask")
    assert "# MY-SERVICE\n" in (project / ".env.example").read_text(encoding="utf-8")
