"""Finishes a new project: makes its secrets, notes where it comes from, and removes the files that were not chosen.

It uses only the standard library, works offline, and gives the same result if it runs again.
"""

import json
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

LICENSES = ("MIT", "BSD-3-Clause", "Apache-2.0")
CI = {
    "GitHub": (Path(".github/workflows/ci.yml"), Path(".github/dependabot.yml")),
    "GitLab": (Path(".gitlab-ci.yml"), Path("renovate.json")),
}


def main(root: Path, template: Path, answers: dict[str, Any]) -> None:
    """`answers` is the context of cookiecutter, with its private names.

    There, the template's folder may be relative to a folder that only cookiecutter itself knows.
    """
    slug = answers["project_slug"]
    repository = Path(answers.get("_repo_dir", ""))
    template = repository if repository.is_absolute() else template
    try:
        make_env(root)
        keep_origin(root, template, answers)
        keep_license(root, answers["license"])
        keep_ci(root, answers["ci"])
    except (OSError, ValueError) as error:  # ValueError: somebody broke `.cruft.json`
        sys.exit(f"The project could not be finished: {error}")
    print(f"\n{slug} is ready. Next:\n", *next_commands(slug, answers["database"]), sep="\n    ", end="\n\n")


def make_env(root: Path) -> None:
    """Run the project's own code, so the hook does the same as `manage.py initenv`."""
    path = root / "app" / "core" / "settings" / "env_file.py"
    env_file = ModuleType("env_file")
    SourceFileLoader(env_file.__name__, str(path)).exec_module(env_file)
    env_file.write_env(root)


def keep_origin(root: Path, template: Path, answers: dict[str, Any]) -> None:
    """Write `.cruft.json`, from which `make upgrade` and cruft know the template, its version and the answers.

    cruft reads the old state of the template from `commit`, and a tag serves it as well. It would follow `checkout`, so
    a tag there would end all updates. What others have added to the file stays.
    """
    file = root / ".cruft.json"
    public = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    origin = {
        "template": address(template, answers),
        "commit": ask_git(template, "rev-parse", "HEAD") or f"v{answers['_version']}",
        "checkout": None,
        "context": {"cookiecutter": {**public, "_version": answers["_version"]}},
        "directory": None,
    }
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    text = json.dumps({**before, **origin}, ensure_ascii=False, indent=2)
    file.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def address(template: Path, answers: dict[str, Any]) -> str:
    """Return where git finds the template: a folder, or a URL without a password. git does not know `gh:`."""
    given = str(answers["_template"])
    if answers.get("_repo_dir") == given:  # it was not a URL
        return str(template)
    url = ask_git(template, "config", "--get", "remote.origin.url") or given
    return re.sub("^(https?://)[^/@]*@", r"\1", url)


def ask_git(template: Path, *question: str) -> str | None:
    """Return the answer of git about the template. There may be no git, or no repository."""
    if not (template / ".git").exists():  # git would look in the folders above
        return None
    try:
        done = subprocess.run(["git", *question], check=False, cwd=template, capture_output=True, encoding="utf-8")
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def keep_license(root: Path, chosen: str) -> None:
    """Rename the chosen text to LICENSE. If none was chosen, a LICENSE of the owner stays."""
    for name in LICENSES:
        text = root / f"LICENSE.{name}"
        if name == chosen and text.exists():
            text.replace(root / "LICENSE")
        text.unlink(missing_ok=True)


def keep_ci(root: Path, chosen: str) -> None:
    for name, files in CI.items():
        for file in files if name != chosen else ():
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
        Path(*json.loads(r"""[{{ template_folder | tojson }}]""")),
        dict(json.loads(r"""{{ cookiecutter.items() | list | tojson }}""")),
    )
