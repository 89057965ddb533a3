"""The files of a new app, from the templates in `app/core/cli/templates/startapp`. Change them to fit your project.

The migration is a template too: so the command needs no database and runs none of the new code.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from app.core.cli.startapp.new_app import NewApp
from app.core.cli.startapp.sources import clashes, prune
from app.core.db import new_revision
from app.core.settings import BASE_DIR
from app.core.web import render

PARTS = ("__init__", "models", "schemas", "queries", "routes")
ADMIN = "admin"
TESTS = ("factories", "test_routes")


def files(app: NewApp) -> dict[Path, str]:
    """Raises Diverged."""
    package, tests, migration = BASE_DIR / "app" / app.name, BASE_DIR / "tests" / app.name, new_revision(app.name)
    parts = (*PARTS, ADMIN) if (BASE_DIR / "app" / ADMIN).is_dir() else PARTS
    return {
        **{package / f"{part}.py": _rendered(app, part) for part in parts},
        migration.folder / f"{migration.id}.py": _rendered(app, "migration", migration=migration),
        tests / "__init__.py": "",
        **{tests / f"{part}.py": _rendered(app, part) for part in TESTS},
    }


def bare_files(name: str) -> dict[Path, str]:
    front_door = '"""What other apps may import."""\n'
    return {BASE_DIR / "app" / name / "__init__.py": front_door, BASE_DIR / "tests" / name / "__init__.py": ""}


def hidden_names(app: NewApp) -> Iterator[str]:
    """Yield names with another meaning in the files of the new app, such as `Page`."""
    for part in (*PARTS, ADMIN, *TESTS):
        yield from sorted(clashes(_rendered(app, part)))


def _rendered(app: NewApp, part: str, **values: object) -> str:
    source = render(f"core/startapp/{part}.py.jinja", app=app, **values)
    return f"{source}\n" if part == "__init__" else prune(source)


def write(sources: Mapping[Path, str]) -> None:
    """Write all files or none. Raises OSError."""
    with ExitStack() as undo:
        for path, source in sources.items():
            if not path.parent.exists():
                path.parent.mkdir()
                undo.callback(shutil.rmtree, path.parent)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                undo.callback(path.unlink, missing_ok=True)
                file.write(source)
        undo.pop_all()
