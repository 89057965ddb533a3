"""What releases have promised: migrations that never change, and names that front doors export.

`python -m tests.releases.released` adds what is new since the last release, see RELEASING.md.
"""

import ast
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, TypedDict

from tests.conftest import FOLDER, ROOT

FILE = Path(__file__).with_name("released.json")
PROJECT = ROOT / FOLDER
VERSION = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["_version"]


class Released(TypedDict):
    migrations: dict[str, str]
    """The SHA-256 of each file, by its path in the project."""
    exports: dict[str, list[str]]
    """The names by package."""


def read() -> Released:
    released: Released = json.loads(FILE.read_text(encoding="utf-8"))
    return released


def migrations(project: Path) -> dict[str, str]:
    """Return the files of the template's histories. The project's own is in `app/migrations`."""
    folders = [*project.glob("app/*/migrations"), *project.glob("app/core/*/migrations")]
    files = (file for folder in folders if not (folder / "__init__.py").exists() for file in folder.iterdir())
    return {file.relative_to(project).as_posix(): sha256(file) for file in sorted(files) if file.is_file()}


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def names(project: Path, constant: str) -> dict[str, set[str]]:
    """Return the names in this constant of each front door: `__all__` has what it exports, `DEPRECATED` its aliases."""
    doors = [*project.glob("app/*/__init__.py"), *project.glob("app/core/*/__init__.py")]
    return {".".join(door.parent.relative_to(project).parts): set(literal(door, constant)) for door in sorted(doors)}


def literal(file: Path, name: str) -> Any:
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return ast.literal_eval(value)
    return ()


def broken(released: Released, project: Path) -> list[str]:
    """Return the promises that this project does not keep."""
    now, exported, aliases = migrations(project), names(project, "__all__"), names(project, "DEPRECATED")
    return [
        *(f"{path} was released and is gone." for path in released["migrations"].keys() - now.keys()),
        *(
            f"{path} was released and has changed: make a new migration instead."
            for path, digest in released["migrations"].items()
            if now.get(path, digest) != digest
        ),
        *(
            f"{package} exported {name}: keep it in DEPRECATED for a release."
            for package, promised in released["exports"].items()
            for name in sorted(set(promised) - exported.get(package, set()) - aliases.get(package, set()))
        ),
    ]


def main() -> None:
    if FILE.exists() and (faults := broken(read(), PROJECT)):
        sys.exit("\n".join(faults))
    exports = {package: sorted(found) for package, found in names(PROJECT, "__all__").items() if found}
    text = json.dumps({"migrations": migrations(PROJECT), "exports": exports}, indent=2)
    FILE.write_text(f"{text}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
