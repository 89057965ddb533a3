"""Finishes a new project: makes its secrets, and removes the files that were not chosen.

It uses only the standard library, works offline, and gives the same result if it runs again.
"""

import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

LICENSES = ("MIT", "BSD-3-Clause", "Apache-2.0")
CI = {"GitHub": Path(".github/workflows/ci.yml"), "GitLab": Path(".gitlab-ci.yml")}


def main(root: Path, *, slug: str, license_name: str, database: str, ci: str) -> None:
    try:
        make_env(root)
        keep_license(root, license_name)
        keep_ci(root, ci)
    except OSError as error:
        sys.exit(f"The project could not be finished: {error}")
    print(f"\n{slug} is ready. Next:\n", *next_commands(slug, database), sep="\n    ", end="\n\n")


def make_env(root: Path) -> None:
    """Run the project's own code, so the hook does the same as `manage.py initenv`."""
    path = root / "app" / "core" / "settings" / "env_file.py"
    env_file = ModuleType("env_file")
    SourceFileLoader(env_file.__name__, str(path)).exec_module(env_file)
    env_file.write_env(root)


def keep_license(root: Path, chosen: str) -> None:
    """Rename the chosen text to LICENSE. If none was chosen, a LICENSE of the owner stays."""
    for name in LICENSES:
        text = root / f"LICENSE.{name}"
        if name == chosen and text.exists():
            text.replace(root / "LICENSE")
        text.unlink(missing_ok=True)


def keep_ci(root: Path, chosen: str) -> None:
    for name, file in CI.items():
        if name != chosen:
            remove(root, file)


def remove(root: Path, file: Path) -> None:
    """Remove the file, and its folders if they are empty now."""
    (root / file).unlink(missing_ok=True)
    for folder in file.parents[:-1]:  # the last one is the project itself
        if (root / folder).is_dir() and not any((root / folder).iterdir()):
            (root / folder).rmdir()


def next_commands(slug: str, database: str) -> list[str]:
    server = ["docker compose up --detach --wait database"] if database == "PostgreSQL" else []
    return [f"cd {slug}", *server, "make run"]


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a new project must not have a __pycache__
    main(
        Path.cwd(),
        slug="{{ cookiecutter.project_slug }}",
        license_name="{{ cookiecutter.license }}",
        database="{{ cookiecutter.database }}",
        ci="{{ cookiecutter.ci }}",
    )
