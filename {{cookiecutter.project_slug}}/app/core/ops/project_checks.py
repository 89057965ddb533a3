"""Checks of the project's code: apps, imports, routes, models and migrations, and whether all this can start."""

import tomllib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from traceback import extract_tb

from fastapi.routing import APIRoute, iter_route_contexts

import app
from app.core import registry
from app.core.db import Database, Diverged, lost_references, new_revision
from app.core.ops.checking import Problem, check, first_line
from app.core.ops.imports import Import, imports
from app.core.registry import StartError
from app.core.settings import BASE_DIR, SettingsError
from app.settings import Settings


@check()
async def apps_are_packages(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    for folder in sorted({file.parent for file in BASE_DIR.glob("app/*/*.py")}):
        if not (folder / "__init__.py").exists():
            message = f"app/{folder.name} has no __init__.py, so it is not an app, and nothing in it is found."
            yield Problem("core.E008", message, f"Add an empty file app/{folder.name}/__init__.py.")


@check()
async def apps_can_be_imported(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Name one module of an app: others fail for the same reason, or because half of a module was imported twice."""
    broken: set[str] = set()
    for name in registry.MODULES:
        for path in registry.module_paths(name):
            app_path = path.removesuffix(f".{name}")
            if app_path in broken:
                continue
            try:
                import_module(path)
            except Exception as error:  # any, for it is the app's code
                broken.add(app_path)
                message = f"{path} cannot be imported: {_place(error)}{type(error).__name__}: {first_line(error)}."
                yield Problem(
                    "core.E009",
                    message,
                    "Repair it. A package that is missing belongs in pyproject.toml; then run `make lock`.",
                )


def _place(error: Exception) -> str:
    """Return the last line of the project that was running. A SyntaxError says by itself where it is."""
    frames = () if isinstance(error, SyntaxError) else reversed(extract_tb(error.__traceback__))
    roots = [Path(root) for root in app.__path__]
    for frame in frames:
        for root in roots:
            if (file := Path(frame.filename)).is_relative_to(root):
                return f"app/{file.relative_to(root).as_posix()}:{frame.lineno}: "
    return ""


@check()
async def imports_use_front_doors(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """The rule for front doors is that of `make lint`, with its setting `public`.

    If pyproject.toml does not have that rule, this check does not apply it.
    """
    contracts = _linter_contracts()
    public = {module for contract in contracts for module in contract.get("public", ())}
    for importer, place, found in _imports():
        if contracts and found.module not in public and (hint := found.advice(importer)):
            yield Problem("core.W030", f"{place} imports {found.module}.", hint)
        if new := found.successor():
            message = f"{place} imports {found.name} from {found.module}, which the next version will not have."
            yield Problem("core.W031", message, f"Use {new}.")


def _imports() -> Iterator[tuple[str, str, Import]]:
    """Yield the imports of all apps, each with the name of its module and with its place, for example app/a/b.py:3."""
    for name in registry.installed_apps():
        for root in map(Path, app.__path__):
            for file in sorted(root.glob(f"{name}/**/*.py")):
                path = file.relative_to(root)
                module = ".".join(("app", *path.with_suffix("").parts)).removesuffix(".__init__")
                try:
                    found = list(imports(file, module))
                except SyntaxError:  # `apps_can_be_imported` reports it
                    continue
                for each in found:
                    yield module, f"app/{path.as_posix()}:{each.line}", each


def _linter_contracts() -> list[dict[str, list[str]]]:
    tools = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools.get("importlinter", {}).get("contracts", [])
    return [contract for contract in contracts if contract["type"] == "front_doors"]


@check()
async def routes_have_names_of_their_own(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    modules = defaultdict(list)
    for route in _routes():
        modules[route.name].append(route.endpoint.__module__)
    for name, found in modules.items():
        if len(found) > 1:
            message = f"Several routes have the function name {name} ({', '.join(sorted(found))})."
            yield Problem("core.W021", message, "Rename all but one: generated clients use it for their methods.")


def _routes() -> Iterator[APIRoute]:
    for path in registry.module_paths("routes"):
        try:
            router = import_module(path).router
        except Exception:  # noqa: S112 (`apps_can_be_imported` reports it)
            continue
        for context in iter_route_contexts(router.routes):
            route = context.original_route
            if isinstance(route, APIRoute) and route.include_in_schema and route.operation_id is None:
                yield route


@check()
async def application_can_start(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """The server refuses to start with a wrong cron, for example, or with a misspelt option of an admin page."""
    try:
        import_module("app.main").create_app(settings)
    except (Exception, SystemExit) as error:  # any, for it is the code of apps, and `app.main` ends the process
        yield Problem("core.E011", f"The server does not start: {_reason(error)}.", "Repair this first.")


def _reason(error: BaseException) -> str:
    line = first_line(error)
    return line if isinstance(error, SettingsError | StartError | SystemExit) else f"{type(error).__name__}: {line}"


@check()
async def foreign_keys_have_targets(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """A foreign key refers to a table or a column that does not exist."""
    for lost in lost_references():
        yield Problem("core.E012", f"{lost}.", "Correct the name in ForeignKey(…).")


@check()
async def histories_have_one_end(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Two migrations follow the same one, for example after a merge of two branches."""
    try:
        new_revision("next")  # which could not follow two ends
    except Diverged as error:
        message, _, hint = str(error).partition(": ")
        yield Problem("core.E010", f"{message}.", f"{hint[:1].upper()}{hint[1:]}")
