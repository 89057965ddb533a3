"""`make upgrade` of a project of the last release, with an app of its owner, to this state of the template."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, rendered
from tests.kit.repositories import append, commit, git
from tests.kit.services import LINTERS, Service, prepare
from tests.releases.released import VERSION

NEXT = "99.0.0"


@pytest.fixture(scope="module")
def upstream(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template with two tags: for the last release, which is checked out, and for this state."""
    if git(ROOT, "rev-parse", "--is-shallow-repository") == "true\n":
        pytest.fail("This clone has no history. Make it with all commits: `git fetch --unshallow`.")
    repository = tmp_path_factory.mktemp("upstream") / "template"
    git(ROOT, "clone", "--quiet", "--no-checkout", str(ROOT), str(repository))
    release = f"v{VERSION}"
    git(repository, "tag", "--force", release, the_commit_of_the_release())
    shutil.copytree(template, repository, dirs_exist_ok=True)
    settings = json.loads((repository / "cookiecutter.json").read_text(encoding="utf-8"))
    (repository / "cookiecutter.json").write_text(json.dumps({**settings, "_version": NEXT}), encoding="utf-8")
    changes = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    changes = changes.replace("## Unreleased", f"## {NEXT} (2027-01-01)")
    (repository / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    commit(repository)
    git(repository, "tag", f"v{NEXT}")
    git(repository, "checkout", "--quiet", release)
    return repository


def the_commit_of_the_release() -> str:
    """Return the commit that gave the release its heading. Clones often lack tags."""
    return git(ROOT, "log", "-1", "--format=%H", f"-S## {VERSION} (", "--", "CHANGELOG.md").strip()


@pytest.fixture(scope="module")
def upgraded(
    upstream: Path, user_config: Path, environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Service, str]:
    """The project, with its new state committed, and what the command said."""
    folder = tmp_path_factory.mktemp("upgraded")
    project = rendered(upstream, folder, user_config, {})
    service = Service(project, environment, {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"})
    service.manage("startapp", "blog", "--model", "Post")
    append(project / "README.md", "\nOur notes.\n")
    prepare(service)
    service.manage("shell", "-c", "db.add(Post(title='Hello', text='World')); await db.commit()")
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "config", "user.name", "Owner")
    git(project, "config", "user.email", "owner@example.com")
    commit(project)
    return service, service.manage("upgrade")


def test_nothing_is_in_conflict_and_what_the_owner_wrote_stays(upgraded: tuple[Service, str]) -> None:
    service, said = upgraded
    assert "Resolve the conflicts" not in said
    assert "What you must do" in said
    assert git(service.project, "status", "--porcelain") == ""
    assert f'"_version": "{NEXT}"' in (service.project / ".cruft.json").read_text(encoding="utf-8")
    assert (service.project / "README.md").read_text(encoding="utf-8").endswith("\nOur notes.\n")
    own = git(service.project, "diff", "--name-only", "main", "--", "app/blog", "tests/blog", "app/migrations/versions")
    assert own == ""


def test_old_rows_are_read_after_migrate(upgraded: tuple[Service, str]) -> None:
    service, _ = upgraded
    service.manage("migrate")
    assert service.manage("makemigrations", "--check") == "No changes detected.\n"
    rows = "user, post = await db.scalar(select(User)), await db.scalar(select(Post))"
    assert service.manage("shell", "-c", f"{rows}; print(user.username, post.title)") == "ada Hello\n"


@pytest.mark.parametrize("linter", LINTERS, ids=["ruff check", "ruff format", "mypy", "lint-imports"])
def test_it_is_clean_to(upgraded: tuple[Service, str], linter: tuple[str, ...]) -> None:
    done = upgraded[0].run(*linter)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_part_of_the_suite_passes(upgraded: tuple[Service, str]) -> None:
    done = upgraded[0].run("-m", "pytest", "-q", "tests/blog", "tests/accounts/routes", "tests/test_front_doors.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_the_whole_suite_passes(upgraded: tuple[Service, str]) -> None:
    """After the owner's step that the CHANGELOG names."""
    tests = upgraded[0].project / "tests" / "blog" / "test_routes.py"
    text = tests.read_text(encoding="utf-8")
    tests.write_text(text.replace("{uuid4()}", "00000000-0000-0000-0000-000000000000"), encoding="utf-8")
    done = upgraded[0].run("-m", "pytest", "-q", "--numprocesses=2")
    assert done.returncode == 0, done.stdout + done.stderr
