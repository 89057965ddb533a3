"""Makes a new app from the templates in `app/core/cli/templates/startapp`. Change them to fit your project.

The migration is a template too: so the command needs no database and runs none of the new code.
"""

import ast
import keyword
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from fastapi.routing import iter_route_contexts

from app.core.cli.application import load_application
from app.core.cli.commands.migrations import format_files
from app.core.cli.errors import CommandError
from app.core.db import Base, new_revision
from app.core.settings import BASE_DIR
from app.core.web import render

cli = typer.Typer()

NAME = re.compile(r"[a-z][a-z0-9_]*")
MODEL = re.compile(r"[A-Z][A-Za-z0-9]*")
MAX_LENGTH = 24  # far below the limits of PostgreSQL (63) and of Alembic's table (32, with a number)

PARTS = ("models", "schemas", "routes")
ADMIN = "admin"
TESTS = "test_routes"
# Settings or a proxy may turn these paths on, so no app may use them.
RESERVED = frozenset({"admin", "docs", "static"})
PACKAGES = frozenset({"app", "tests"})


@dataclass(frozen=True)
class NewApp:
    name: str
    model: str

    @property
    def item(self) -> str:
        """As in the names of functions: `BlogPost` gives `blog_post`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.model).lower()

    @property
    def noun(self) -> str:
        """As in permissions: `BlogPost` gives `blogpost`."""
        return self.model.lower()

    @property
    def table(self) -> str:
        return f"{self.name}_{self.noun}"

    @property
    def path(self) -> str:
        return "/" + self.name.replace("_", "-")

    @property
    def functions(self) -> set[str]:
        return {f"list_{self.name}", *(f"{verb}_{self.item}" for verb in ("create", "read", "update", "delete"))}

    def render(self, part: str, **values: object) -> str:
        names = {key: getattr(self, key) for key in ("name", "model", "item", "noun", "table", "path")}
        return render(f"core/startapp/{part}.py.jinja", **names, **values) + "\n"


# No real app can have these names, so none of them clashes with a name in the templates.
SAMPLE = NewApp("_", "_M")


@cli.command(rich_help_panel="Project")
def startapp(
    name: Annotated[str, typer.Argument(help="The name for its folder, routes and permissions, for example `notes`.")],
    model: Annotated[
        str | None, typer.Option(help="The class of its first table. Default: the name without a final s, as `Note`.")
    ] = None,
) -> None:
    """Make a new app: a table with its migration, routes with paging and permissions, an admin page, and tests.

    For example: `startapp notes`, or `startapp blog --model Post`. The new app works at once.
    """
    app = NewApp(name, singular(name) if model is None else model)
    for fault in _faults(app):
        raise CommandError(fault)
    files = _files(app)
    try:
        _write(files)
    except OSError as error:
        raise CommandError(f"The app cannot be written: {error}") from None
    format_files(*files)  # the order of the imports and the length of lines depend on the names
    for path in files:
        print(f"Wrote {path.relative_to(BASE_DIR).as_posix()}")
    print("Next: `python manage.py migrate` and `make test`.")


def singular(name: str) -> str:
    """Drop a final s, but not that of `address`. For other plurals there is the option `--model`."""
    return re.sub(r"(?<=[^s])s$", "", name).title().replace("_", "")


def _faults(app: NewApp) -> Iterator[str]:
    """Yield the faults of the names. Callers must stop at the first: later checks rely on earlier ones."""
    for word, pattern, example in ((app.name, NAME, "`notes`"), (app.model, MODEL, "`--model Note`")):
        if not pattern.fullmatch(word):
            yield f"{word!r} does not match {pattern.pattern}. An example is {example}."
    for word in (app.name, app.model, app.item):
        if len(word) > MAX_LENGTH:
            yield f"{word!r} is longer than {MAX_LENGTH} characters."
        if keyword.iskeyword(word):
            yield f"{word!r} is a keyword of Python."
    for folder in ("app", "tests"):
        for path in (BASE_DIR / folder / app.name, BASE_DIR / folder / f"{app.name}.py"):
            if path.exists():
                yield f"{app.name!r} is taken: {path.relative_to(BASE_DIR).as_posix()} exists."
    if app.name in PACKAGES:
        yield f"{app.name!r} is taken: it is a package of the project."
    yield from _clashes(app)
    for part in (*PARTS, ADMIN, TESTS):
        if len(_names(app, part)) < len(_names(SAMPLE, part)):  # a clash with a name in the templates, as with `Page`
            yield f"{app.model!r} has another meaning in the files of a new app. Choose another with `--model`."


def _names(app: NewApp, part: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(app.render(part))))
    bound = (getattr(node, field, None) for node in nodes for field in ("id", "name", "arg"))
    return {name for name in bound if isinstance(name, str)}


def _clashes(app: NewApp) -> Iterator[str]:
    """Compare with the routes and tables of the other apps."""
    application = load_application()
    served = {str(route.path).split("/")[1] for route in iter_route_contexts(application.routes) if route.path}
    if app.path[1:] in served | RESERVED:
        yield f"{app.name!r} is taken: there is a route {app.path}."
    operations = [each for methods in application.openapi()["paths"].values() for each in methods.values()]
    if any(app.name in operation.get("tags", ()) for operation in operations):
        yield f"{app.name!r} is taken: routes have this tag."
    for function in sorted(app.functions & {operation["operationId"] for operation in operations}):
        yield f"{app.model!r} is taken: a route is called {function}. Choose another with `--model`."
    if app.table in Base.metadata.tables:
        yield f"{app.model!r} is taken: there is a table {app.table}. Choose another with `--model`."


def _files(app: NewApp) -> dict[Path, str]:
    """Raises Diverged."""
    package, tests, migration = BASE_DIR / "app" / app.name, BASE_DIR / "tests" / app.name, new_revision(app.name)
    parts = (*PARTS, ADMIN) if (BASE_DIR / "app" / ADMIN).is_dir() else PARTS
    return {
        package / "__init__.py": "",
        **{package / f"{part}.py": app.render(part) for part in parts},
        migration.folder / f"{migration.id}.py": app.render("migration", migration=migration),
        tests / "__init__.py": "",
        tests / "test_routes.py": app.render(TESTS),
    }


def _write(files: Mapping[Path, str]) -> None:
    """Write all files or none. Raises OSError."""
    with ExitStack() as undo:
        for path, source in files.items():
            if not path.parent.exists():
                path.parent.mkdir()
                undo.callback(shutil.rmtree, path.parent)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                undo.callback(path.unlink, missing_ok=True)
                file.write(source)
        undo.pop_all()
