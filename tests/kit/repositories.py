"""Folders, their secrets, and git."""

import subprocess
from pathlib import Path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def secrets_of(project: Path) -> dict[str, str]:
    """Return the lines of `.env` with a secret: those that differ from `.env.example`."""
    before = (project / ".env.example").read_text(encoding="utf-8").splitlines()
    after = (project / ".env").read_text(encoding="utf-8").splitlines()
    marked = [new for old, new in zip(before, after, strict=True) if old != new]
    return dict(line.split("=", 1) for line in marked)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(repository: Path) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=A version")
