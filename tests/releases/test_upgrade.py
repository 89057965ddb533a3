"""`make upgrade` of projects that three older states of the template have made, and that their owners have edited.

A repository gets the three states as versions, and a new one. The older ones are this template with some of its changes
taken back. The new one has changes that a later version could bring.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

from tests.conftest import FOLDER
from tests.kit.repositories import append, commit, files, git
from tests.kit.servers import PostgreSQL
from tests.kit.services import LINTERS, Service, prepare

NEW = "0.2.0"
CONFLICT = re.compile(r"^<<<<<<< [^\n]*\n(.*?)^=======\n.*?^>>>>>>> [^\n]*\n", re.DOTALL | re.MULTILINE)
PRONOUNS = '''"""pronouns"""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0002_pronouns"
down_revision = "accounts_0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("accounts_user") as batch_op:
        batch_op.add_column(sa.Column("pronouns", sa.String(length=40), server_default="they", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("accounts_user") as batch_op:
        batch_op.drop_column("pronouns")
'''
NEWS = """## {version} (2027-01-01)

### What you must do

The step of {version}.

"""


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def add_to_user(project: Path, before: str, name: str, default: str) -> None:
    column = f'    {name}: Mapped[str] = mapped_column(String(40), default="{default}", server_default="{default}")\n'
    replace(project / "app" / "accounts" / "models.py", f"    {before}: Mapped", f"{column}    {before}: Mapped")


def old_names(project: Path) -> None:
    """As it was before: a module had another name, and a setting, a dependency and the README were different."""
    module = project / "app" / "accounts" / "users" / "lookup.py"
    module.rename(module.with_name("finding.py"))
    for user in ("administration.py", "email.py"):
        replace(module.with_name(user), "users.lookup", "users.finding")
    replace(project / "app" / "settings.py", "password_min_length: int = Field(default=8", MIN_LENGTH.format(10))
    replace(project / "pyproject.toml", "typer>=0.29", "typer>=0.28")
    replace(project / "README.md", "You need Python 3.11 or newer", "You need a recent Python")


def no_hello(project: Path) -> None:
    """Still earlier, there were no app `hello` and no page about throttling, and a released migration was different."""
    for folder in ("app/hello", "tests/hello"):
        shutil.rmtree(project / folder)
    (project / "docs" / "throttling.md").unlink()
    append(project / "app" / "accounts" / "migrations" / "accounts_0001_initial.py", "# As it was.\n")


def changes_to_come(project: Path) -> None:
    add_to_user(project, "hashed_password", "pronouns", "they")
    migrations = project / "app" / "accounts" / "migrations"
    (migrations / "accounts_0002_pronouns.py").write_text(PRONOUNS, encoding="utf-8")
    for name in ("app/greetings/__init__.py", "app/hello/more.py", "app/admin/more.py", "tests/admin/test_more.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text('"""New."""\n')
    for name in ("Dockerfile", "app/accounts/admin.py", "app/main.py", ".env.example"):
        append(project / name, "\n\n# New.\n")


MIN_LENGTH = "password_min_length: int = Field(default={}"
VERSIONS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "0.0.1": (old_names, no_hello),
    "0.0.2": (old_names,),
    "0.1.0": (),
    NEW: (changes_to_come,),
}


@pytest.fixture(scope="module")
def upstream(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template with a tag for each version. The newest is checked out."""
    repository = tmp_path_factory.mktemp("upstream") / "template"
    repository.mkdir()
    git(repository, "init", "--quiet")
    news = ""
    for version, changes in VERSIONS.items():
        shutil.copytree(template, repository, dirs_exist_ok=True)
        for change in changes:
            change(repository / FOLDER)
        settings = json.loads((repository / "cookiecutter.json").read_text(encoding="utf-8"))
        (repository / "cookiecutter.json").write_text(json.dumps({**settings, "_version": version}), encoding="utf-8")
        news = NEWS.format(version=version) + news
        (repository / "CHANGELOG.md").write_text(f"# Changes\n\n{news}", encoding="utf-8")
        commit(repository)
        git(repository, "tag", f"v{version}")
        for path in repository.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    git(repository, "checkout", "--quiet", "--", ".")
    return repository


@dataclass(frozen=True)
class Owner:
    """What somebody has made of a project."""

    version: str
    answers: dict[str, str]
    database: str
    conflicts: set[str]
    """The files in which both sides have changed the same lines."""
    edits: tuple[Callable[[Path], None], ...]
    deleted: tuple[str, ...] = ()
    """Patterns of paths that never come back."""
    skipped: set[str] = field(default_factory=set)


def rewrite_readme(project: Path) -> None:
    (project / "README.md").write_text("# Ours\n\nAll of it is ours.\n")


def make_hello(project: Path) -> None:
    (project / "app" / "hello").mkdir()
    (project / "app" / "hello" / "__init__.py").write_text("# Ours.\n")


def copy_hello_and_delete_it(project: Path) -> None:
    shutil.copytree(project / "app" / "hello", project / "app" / "mine")
    replace(project / "app" / "mine" / "routes.py", "protected", "mine")
    delete(project, "app/hello", "tests/hello")


def delete(project: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in list(project.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


NO_ADMIN = ("app/admin", "tests/admin", "app/*/admin.py", "tests/*/test_admin.py")
OWNERS = {
    "an app with the name of a new one": Owner(
        version="0.0.1",
        answers={"license": "none", "ci": "none"},
        database="sqlite",
        conflicts={"app/settings.py"},
        edits=(
            lambda project: replace(project / "app/settings.py", MIN_LENGTH.format(10), MIN_LENGTH.format(12)),
            make_hello,
        ),
    ),
    "an app that was copied, then deleted": Owner(
        version="0.0.2",
        answers={"license": "Apache-2.0", "ci": "GitLab", "database": "PostgreSQL", "author_name": "Zoë O'Brien"},
        database="postgresql",
        conflicts={"README.md"},
        edits=(rewrite_readme, copy_hello_and_delete_it),
        deleted=("app/hello", "tests/hello"),
    ),
    "a deleted app": Owner(
        version="0.1.0",
        answers={},
        database="sqlite",
        conflicts=set(),
        edits=(rewrite_readme, lambda project: delete(project, *NO_ADMIN)),
        deleted=NO_ADMIN,
    ),
}


def edit(project: Path) -> None:
    """What every one of these owners does, besides an app `blog`."""
    add_to_user(project, "disabled", "nickname", "nick")
    replace(project / "app" / "settings.py", "minutes: int = Field(default=30", "minutes: int = Field(default=60")
    replace(project / "pyproject.toml", '    "uvicorn', '    "rich>=15,<16",\n    "uvicorn')
    append(project / "app" / "core" / "web" / "errors.py", "\n\n# Ours.\n")
    append(project / "Makefile", "\nours:\n\t@echo ours\n")


@dataclass(frozen=True)
class Upgraded:
    owner: Owner
    service: Service
    refused: str
    """What the first try said, before the owner renamed their app."""
    said: str
    conflicts: set[str]
    before: dict[str, bytes]
    """The files in the last commit before the upgrade, and `.env`."""
    old: Path
    new: Path
    """What the template makes of the same answers, in both versions."""

    @property
    def project(self) -> Path:
        return self.service.project


@pytest.fixture(scope="module", params=OWNERS)
def upgraded(
    request: pytest.FixtureRequest,
    upstream: Path,
    user_config: Path,
    environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Upgraded:
    """A project with rows in its database, edited and committed. The upgrade is committed, too, but not migrated."""
    owner = OWNERS[request.param]
    folder = tmp_path_factory.mktemp("owner")

    def render(version: str, name: str) -> Path:
        git(upstream, "checkout", "--quiet", f"v{version}")
        output, config = str(folder / name), str(user_config)
        made = cookiecutter(
            str(upstream), no_input=True, extra_context=owner.answers, output_dir=output, config_file=config
        )
        return Path(made)

    project, old, new = render(owner.version, "project"), render(owner.version, "old"), render(NEW, "new")
    if owner.database == "sqlite":
        url = f"sqlite:///{folder}/db.sqlite3"
    else:
        cluster: PostgreSQL = request.getfixturevalue("cluster")
        url = cluster.create_database(folder.name)
    service = Service(project, environment, {"DATABASE_URL": url})
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "config", "user.name", "Owner")
    git(project, "config", "user.email", "owner@example.com")
    commit(project)

    service.manage("startapp", "blog", "--model", "Post")
    edit(project)
    for change in owner.edits:
        change(project)
    delete(project, *owner.deleted)
    service.manage("makemigrations", "--name", "nickname")
    prepare(service)
    service.manage("shell", "-c", "db.add(Post(title='Hello', text='World')); await db.commit()")
    commit(project)

    refused = ""
    if (project / "app" / "hello").exists() and owner.version == "0.0.1":
        refused = service.problem("upgrade")
        git(project, "mv", "app/hello", "app/welcome")
        commit(project)
    before = {name: (project / name).read_bytes() for name in [".env", *git(project, "ls-files").splitlines()]}
    said = service.manage("upgrade")
    conflicts = set(git(project, "diff", "--name-only", "--diff-filter=U").splitlines())
    for name in conflicts:
        resolve(project / name)
    if conflicts:
        git(project, "add", "--all")
        git(project, "-c", "core.editor=true", "cherry-pick", "--continue")
    return Upgraded(owner, service, refused, said, conflicts, before, old, new)


def resolve(file: Path) -> None:
    """Keep the owner's lines."""
    text = file.read_text(encoding="utf-8")
    assert CONFLICT.search(text)
    file.write_text(CONFLICT.sub(r"\1", text), encoding="utf-8")


def test_only_the_same_lines_are_in_conflict(upgraded: Upgraded) -> None:
    assert upgraded.conflicts == upgraded.owner.conflicts
    assert ("Resolve the conflicts" in upgraded.said) == bool(upgraded.conflicts)
    assert git(upgraded.project, "status", "--porcelain") == ""
    assert not list(upgraded.project.rglob("*.rej"))


def test_no_edit_and_no_secret_is_lost(upgraded: Upgraded) -> None:
    project, old = upgraded.project, upgraded.old
    assert (project / ".env").read_bytes() == upgraded.before[".env"]
    for name, content in upgraded.before.items():
        if not (old / name).exists() or (name in upgraded.owner.conflicts and name == "README.md"):
            assert (project / name).read_bytes() == content, name
        elif name != ".cruft.json":
            for line in set(content.splitlines()) - set((old / name).read_bytes().splitlines()):
                assert line in (project / name).read_bytes().splitlines(), (name, line)
    assert not [path for pattern in upgraded.owner.deleted for path in project.glob(pattern)]


def test_all_else_is_as_in_a_new_project(upgraded: Upgraded) -> None:
    project, new = upgraded.project, upgraded.new
    left_out = {path for pattern in upgraded.owner.deleted for found in new.glob(pattern) for path in below(found)}
    expected = {new / name for name in files(new)} - left_out - {new / ".env"}
    for path in expected:
        name = path.relative_to(new).as_posix()
        kept = upgraded.before.get(name)
        if kept is None or kept == (upgraded.old / name).read_bytes():
            assert (project / name).read_bytes() == path.read_bytes(), name
    gone = files(upgraded.old) - files(new)
    assert not [name for name in gone if (project / name).exists()]
    origin = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    assert origin == json.loads((new / ".cruft.json").read_text(encoding="utf-8"))


def below(path: Path) -> Iterator[Path]:
    yield from path.rglob("*") if path.is_dir() else [path]


def test_it_says_what_the_owner_must_do(upgraded: Upgraded) -> None:
    steps = re.findall(r"The step of (\S+)\.", upgraded.said)
    assert steps == [version for version in VERSIONS if version > upgraded.owner.version]
    changed = "changed migration, may have run" in upgraded.said
    assert changed == (upgraded.owner.version == "0.0.1")
    assert upgraded.refused.startswith("The new version brings an app 'hello', and you have one") == changed


def test_old_rows_are_read_after_migrate(upgraded: Upgraded) -> None:
    assert upgraded.service.manage("migrate") == "Applied accounts_0002_pronouns\n"
    assert upgraded.service.manage("makemigrations", "--check") == "No changes detected.\n"
    rows = "user, post = await db.scalar(select(User)), await db.scalar(select(Post))"
    said = upgraded.service.manage(
        "shell", "-c", f"{rows}; print(user.username, user.nickname, user.pronouns, post.title)"
    )
    assert said == "ada nick they Hello\n"
    assert upgraded.service.manage("upgrade") == f"The project has {NEW}, the newest version of the template.\n"


def test_a_part_of_the_suite_passes(upgraded: Upgraded) -> None:
    done = upgraded.service.run(
        "-m", "pytest", "-q", "tests/blog", "tests/accounts/routes", "tests/test_front_doors.py"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.weekly
def test_the_whole_suite_passes_and_the_linters_do(upgraded: Upgraded) -> None:
    for command in (("-m", "pytest", "-q", "--numprocesses=2"), *LINTERS):
        done = upgraded.service.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
