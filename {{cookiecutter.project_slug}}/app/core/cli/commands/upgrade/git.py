"""Runs git, on each system the same: without a shell, and with UTF-8."""

import os
import shutil
import subprocess
from pathlib import Path

from app.core.cli.errors import CommandError


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run git in this folder, whatever its exit status will be."""
    if (program := shutil.which("git")) is None:
        raise CommandError("`git` is not installed, and `upgrade` needs it.")
    return subprocess.run(
        [program, *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
    )


def git(folder: Path, *arguments: str, **variables: str) -> str:
    """Return what git prints. Raises CommandError with the cause that git names."""
    done = run(folder, *arguments, **variables)
    if done.returncode != 0:
        raise CommandError(f"`git {arguments[0]}` failed: {cause(done.stderr)}")
    return done.stdout


def prefix(root: Path) -> str:
    """Return where in the repository the project is. Usually it is the whole repository, and this is empty."""
    return git(root, "rev-parse", "--show-prefix").strip()


def split(output: str) -> list[str]:
    """Return the entries of an output with -z."""
    return output.split("\0")[:-1]


def cause(complaint: str) -> str:
    """Return the first line that is no warning. git's hints, and what else fails then, follow it."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return next((line for line in lines if not line.lower().startswith("warning:")), "it does not say why.")


def files(folder: Path, tree: str) -> dict[str, str]:
    """Return the id of each file of a commit or tree, by its path from the folder."""
    lines = (entry.partition("\t") for entry in split(git(folder, "ls-tree", "-r", "-z", tree)))
    return {path: facts.split()[2] for facts, _, path in lines}
