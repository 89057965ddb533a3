"""The template: its versions, what they say about themselves, and what they render."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

from app.core.cli.commands.upgrade.git import cause, git, run
from app.core.cli.errors import CommandError

ORIGIN = ".cruft.json"
HELP = "docs/updating.md shows what belongs in it"
# A process of its own: it loads the code of another version, and it may fail.
RENDER = "import json, sys; from cookiecutter.main import cookiecutter; cookiecutter(**json.load(sys.stdin))"


class Version(NamedTuple):
    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `1.2.3`, or the tag `v1.2.3`."""
        match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
        return cls(*map(int, match.groups())) if match else None

    def __str__(self) -> str:
        return ".".join(map(str, self))


@dataclass(frozen=True)
class Origin:
    """Where a project comes from: the content of `.cruft.json`, as the template's hook and cruft write it."""

    content: dict[str, Any]

    @classmethod
    def read(cls, root: Path) -> Self:
        try:
            content = json.loads((root / ORIGIN).read_text(encoding="utf-8"))
            content["template"], content["context"]["cookiecutter"]["project_slug"]
        except FileNotFoundError:
            raise CommandError(f"There is no {ORIGIN}, which names the template and its version: {HELP}.") from None
        except (KeyError, TypeError, ValueError) as error:
            raise CommandError(f"{ORIGIN} cannot be read ({type(error).__name__}: {error}): {HELP}.") from None
        return cls(content)

    @property
    def template(self) -> str:
        return str(self.content["template"])

    @property
    def version(self) -> Version:
        """A project that was made before the first version is older than all versions."""
        recorded = self.content["context"]["cookiecutter"].get("_version")
        return Version.parse(str(recorded)) or Version(0, 0, 0)

    @property
    def answers(self) -> dict[str, Any]:
        recorded = self.content["context"]["cookiecutter"]
        return {name: answer for name, answer in recorded.items() if not name.startswith("_")}

    def moved_on(self, new: Self, commit: str) -> str:
        """Return the text of the file after an upgrade: the address, and what others have added, stays."""
        content = {**self.content, "commit": commit, "context": new.content["context"]}
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def published(root: Path, origin: Origin) -> list[Version]:
    """Return the versions that the template has a tag for, the oldest first."""
    done = run(root, "ls-remote", "--tags", "--", origin.template)
    if done.returncode != 0:
        # git leaves a password out of the address.
        raise CommandError(f"The template that {ORIGIN} names cannot be reached: {cause(done.stderr)}")
    tags = re.findall(r"refs/tags/(\S+)$", done.stdout, re.MULTILINE)
    return sorted(version for tag in tags if (version := Version.parse(tag)) and tag == f"v{version}")


@dataclass(frozen=True)
class Template:
    """A clone of its repository. Only one version at a time is checked out there."""

    clone: Path

    @classmethod
    def fetch(cls, root: Path, origin: Origin, clone: Path) -> Self:
        options = ("--quiet", "--no-checkout", "--config", "core.autocrlf=false")
        git(root, "clone", *options, "--", origin.template, str(clone))
        return cls(clone)

    def commit_of(self, origin: Origin) -> str:
        """Return the commit that the project was made from."""
        named = dict.fromkeys((str(origin.content.get("commit")), f"v{origin.version}"))
        for name in named:
            found = run(self.clone, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
            if found.returncode == 0:
                return found.stdout.strip()
        raise CommandError(f"The template does not have {' or '.join(named)}, which {ORIGIN} names: {HELP}.")

    def commit(self, version: Version) -> str:
        return git(self.clone, "rev-parse", f"v{version}^{{commit}}").strip()

    def render(self, commit: str, answers: Mapping[str, Any], place: Path) -> None:
        """Make the project in this folder, without its secrets. Prompts without an answer take their defaults."""
        git(self.clone, "checkout", "--quiet", "--force", commit)
        with TemporaryDirectory(dir=self.clone.parent) as folder:
            config = Path(folder, "config.json")
            config.write_text(json.dumps({"cookiecutters_dir": folder, "replay_dir": folder}), encoding="utf-8")
            options = {"template": str(self.clone), "no_input": True, "extra_context": dict(answers)}
            output = Path(folder, "output")
            done = subprocess.run(
                [sys.executable, "-c", RENDER],
                check=False,
                cwd=folder,  # not the project's, where a module may have the name of one that the template imports
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
                input=json.dumps({**options, "output_dir": str(output), "config_file": str(config)}),
                capture_output=True,
                encoding="utf-8",
            )
            if done.returncode != 0:
                raise CommandError(f"The template cannot be rendered with your answers: {_why(done.stderr)}")
            (project,) = output.iterdir()
            (project / ".env").unlink(missing_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            project.rename(place)

    def news(self, after: Version, until: Version) -> list[str]:
        """Return the sections of the checked out CHANGELOG for these versions, the oldest first."""
        file = self.clone / "CHANGELOG.md"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        sections = re.split(r"^## (?=\S)", text, flags=re.MULTILINE)[1:]
        found = {Version.parse(section.split()[0]): f"## {section.rstrip()}" for section in sections}
        return [found[version] for version in sorted(filter(None, found)) if after < version <= until]


def _why(complaint: str) -> str:
    """Return the last line, as of a traceback. But a hook has said why before cookiecutter stopped."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return cause(complaint) if not lines or "FailedHookException" in lines[-1] else lines[-1]


def require_cookiecutter() -> None:
    if find_spec("cookiecutter") is None:
        raise CommandError("`cookiecutter` is not installed: `make upgrade` installs it, from requirements-dev.txt.")
