"""A project on each version of Python that it promises, as far as this machine has it."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tests.conftest import FOLDER, ROOT, installer
from tests.kit.services import Service

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OTHERS = [version for version in VERSIONS if version != f"{sys.version_info.major}.{sys.version_info.minor}"]


def pythons() -> Iterator[Path]:
    """Look where uv looks, and where pyenv keeps them."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "python", "list", "--only-installed", "--no-python-downloads"]
    listed = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    yield from (Path(line.split()[1]) for line in listed.splitlines())
    yield from Path.home().glob(".pyenv/versions/*/bin/python3")


def version_of(python: Path) -> str:
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    done = subprocess.run([python, "-c", code], check=False, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def found() -> dict[str, Path]:
    return {version_of(python): python for python in pythons()}


@pytest.fixture(scope="module", params=OTHERS)
def on_another(
    request: pytest.FixtureRequest, plain: Service, found: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Service:
    if request.param not in found:
        pytest.skip(f"This machine has no Python {request.param}.")
    folder = tmp_path_factory.mktemp("python") / ".venv"
    subprocess.run([found[request.param], "-m", "venv", folder], check=True)
    python = folder / plain.python.relative_to(plain.python.parents[1])
    requirements = plain.project / "requirements-dev.txt"
    subprocess.run([*installer(python), "--require-hashes", "-r", requirements], check=True)
    return Service(plain.project, python)


@pytest.mark.weekly
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["mypy"], ["pytest", "-q", "--numprocesses=auto"]],
    ids=lambda command: str(command[0]),
)
def test_it_passes_there(on_another: Service, command: list[str]) -> None:
    done = on_another.run("-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.fast
def test_ci_tries_every_version_that_is_promised() -> None:
    for folder in (ROOT, ROOT / FOLDER):
        promised = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
        assert {f"3.{minor}" for minor in range(20) if f"3.{minor}" in SpecifierSet(promised)} >= set(VERSIONS)
        assert min(VERSIONS, key=lambda version: int(version[2:])) == promised.removeprefix(">=")
        jobs = yaml.safe_load((folder / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
        tried = [job["strategy"]["matrix"].get("python") for job in jobs.values() if "strategy" in job]
        assert list(VERSIONS) in tried
