"""Renders the template for the tests without touching the home folder, and serves the result."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]
from filelock import FileLock
from playwright.sync_api import Browser

from tests.kit.browser import Browse, Chromium, chromium_or_skip
from tests.kit.servers import PostgreSQL, Server, pgbouncer_or_skip, postgresql_or_skip, server
from tests.kit.services import Service, connect, log_in, prepare

collect_ignore = ["project/example"]  # `test_example.py` runs its tests where they belong

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "{{cookiecutter.project_slug}}"


class Render(Protocol):
    def __call__(self, *, overwrite: bool = False, **answers: str) -> Path:
        """Return the new project. Missing answers take their defaults."""


class Run(Protocol):
    def __call__(self, *arguments: str, keyboard: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """`python -m cookiecutter` with these arguments, input and environment variables."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git has or would add: no `__pycache__`, no `.env` of a developer."""
    copy = tmp_path_factory.mktemp("template")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def user_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty configuration of cookiecutter, with its folders outside the home folder."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    file = folder / "config.yaml"
    folders = {"cookiecutters_dir": str(folder), "replay_dir": str(folder / "replay")}
    file.write_text(json.dumps(folders), encoding="utf-8")
    return file


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder for rendered projects. No files may appear beside it."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def run(template: Path, user_config: Path, output: Path) -> Run:
    def run(*arguments: str, keyboard: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        options = ["--config-file", str(user_config), "--output-dir", str(output)]
        return subprocess.run(
            [sys.executable, "-m", "cookiecutter", str(template), *options, *arguments],
            check=False,
            input=keyboard,
            env={**os.environ, "PYTHONUTF8": "1", **variables},
            cwd=output,
            capture_output=True,
            encoding="utf-8",
        )

    return run


@pytest.fixture
def render(template: Path, user_config: Path, output: Path) -> Render:
    def render(*, overwrite: bool = False, **answers: str) -> Path:
        return rendered(template, output, user_config, answers, overwrite=overwrite)

    return render


def rendered(
    template: Path, output: Path, config: Path, answers: Mapping[str, str], *, overwrite: bool = False
) -> Path:
    """Return the new project. Missing answers take their defaults."""
    project = cookiecutter(
        str(template),
        no_input=True,
        extra_context=dict(answers),
        overwrite_if_exists=overwrite,
        output_dir=str(output),
        config_file=str(config),
    )
    return Path(project)


@pytest.fixture(scope="session")
def environment(template: Path, pytestconfig: pytest.Config) -> Path:
    """The Python of a virtual environment with all requirements of a project. The next run finds it again."""
    requirements = template / FOLDER / "requirements-dev.txt"
    version = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = pytestconfig.cache.mkdir("environments") / version
    folder = home / ".venv"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    home.mkdir(exist_ok=True)
    with FileLock(home / "lock"):
        if not (home / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([*installer(python), "-r", requirements], check=True)
            (home / "complete").touch()
    return python


def installer(python: Path) -> list[str | Path]:
    """uv takes a tenth of pip's time, but not every machine has it."""
    if uv := shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    return [python, "-m", "pip", "install", "--quiet"]


@pytest.fixture(scope="session")
def project(template: Path, user_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(template, tmp_path_factory.mktemp("project"), user_config, {})


@pytest.fixture(scope="session")
def plain(project: Path, environment: Path) -> Service:
    """The project as rendered. It is compiled, so that copies need not be."""
    subprocess.run([environment, "-m", "compileall", "-q", "app"], cwd=project, check=True)
    return Service(project, environment)


CORNER = {
    "project_name": "Books & 'Co' \"Ltd\" ☕",
    "project_slug": "corner_case",
    "project_description": 'Keeps "the books" \\ of #all.',
    "author_name": "Åda & 'Co'",
    "license": "none",
    "database": "PostgreSQL",
    "ci": "GitLab",
}


@pytest.fixture(scope="session")
def corner(template: Path, user_config: Path, environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A project in which each answer differs from the default."""
    return Service(rendered(template, tmp_path_factory.mktemp("corner"), user_config, CORNER), environment)


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgreSQL]:
    with postgresql_or_skip() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def on_sqlite(plain: Service) -> Service:
    return prepare(plain)


@pytest.fixture(scope="session")
def on_postgresql(plain: Service, cluster: PostgreSQL) -> Service:
    return prepare(plain.with_env(DATABASE_URL=cluster.create_database("service")))


@pytest.fixture(scope="session")
def pooled(on_postgresql: Service, pooler: str) -> Service:
    return on_postgresql.with_env(DATABASE_URL=f"{pooler}/service")


@pytest.fixture(scope="session", params=["on_sqlite", "on_postgresql"], ids=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest) -> Service:
    """The project with its tables and a superuser: as rendered, and switched to PostgreSQL by DATABASE_URL alone.

    Modules that ask for "pooled" get it behind PgBouncer, too.
    """
    service: Service = request.getfixturevalue(request.param)
    return service


@pytest.fixture(scope="session")
def pooler(cluster: PostgreSQL) -> Iterator[str]:
    """The address of a pooler before the cluster, without the name of a database."""
    with pgbouncer_or_skip(cluster) as address:
        yield address


@pytest.fixture(scope="module")
def served(service: Service) -> Iterator[Server]:
    with server(service.project, service.python, service.env) as served:
        yield served


@pytest.fixture(scope="module")
def site(prepared: Service) -> Iterator[Server]:
    """For tests whose result does not depend on the database."""
    with server(prepared.project, prepared.python, prepared.env) as site:
        yield site


@pytest.fixture
def client(served: Server) -> Iterator[httpx.Client]:
    with connect(served) as client:
        yield client


@pytest.fixture
def token(client: httpx.Client) -> str:
    return str(log_in(client).raise_for_status().json()["access_token"])


@pytest.fixture(scope="module")
def one_chromium() -> Iterator[Chromium]:
    with chromium_or_skip() as browser:
        yield browser


@pytest.fixture
def chromium(one_chromium: Chromium) -> Browser:
    return one_chromium.running()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Browse]:
    """Use it as `page = browse(site.url)`. Complaints that the test does not expect fail it."""
    browse = Browse(chromium)
    yield browse
    browse.close()


def on_new_database(request: pytest.FixtureRequest, service: Service, folder: Path, name: str) -> Service:
    """The service on a database of the kind that the fixture's parameter names: "sqlite" or "postgresql"."""
    if request.param == "sqlite":
        return service.with_env(DATABASE_URL=f"sqlite:///{folder}/db.sqlite3")
    cluster: PostgreSQL = request.getfixturevalue("cluster")
    return service.with_env(DATABASE_URL=cluster.create_database(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, plain: Service, tmp_path: Path) -> Service:
    """The project on a database without tables."""
    return on_new_database(request, plain, tmp_path, tmp_path.name)


@pytest.fixture(scope="session")
def migrated(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The project on its own file, with tables but without users."""
    env = {"DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('migrated')}/db.sqlite3"}
    service = Service(plain.project, plain.python, env)
    service.manage("migrate")
    return service


@pytest.fixture(scope="session")
def prepared(plain: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The project on its own file, with tables and a superuser."""
    env = {"DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('prepared')}/db.sqlite3"}
    return prepare(Service(plain.project, plain.python, env))


@pytest.fixture
def copy(plain: Service, tmp_path: Path) -> Service:
    """A project only for this test, with its own secrets. The test may change its files."""
    ignored = shutil.ignore_patterns(".*_cache", "*.sqlite3*")
    return Service(shutil.copytree(plain.project, tmp_path / "copy", ignore=ignored), plain.python)
