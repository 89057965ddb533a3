"""Finds what each app brings, so that no list of apps has to be edited.

An app is a package in `app/`. Its `__init__` exports what other apps may use, and they import nothing else of it.
Whatever it has of these modules is used:

    models       tables, on `app.core.db.Base`
    routes       `router`, an APIRouter
    admin        pages of the admin site, as `app.admin.site` says
    commands     `cli`, a Typer: each function in the module that is marked with `@cli.command()` joins `manage.py`
    checks       functions marked with `app.core.ops.check`
    tasks        functions marked with `app.core.tasks.choice.task`
    apps         `ready(app)`, called once for each application that is made, and `migrated(connection)`, called when
                 `migrate` has brought the tables to their newest form; `authentication(app)`, which returns ways to
                 authenticate, as `app.accounts` says
    templates    a folder, as `app.core.web.pages.templating` says
"""

import pkgutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import app


class StartError(Exception):
    """Says in one line what must be put right before the application can start."""


NOT_APPS = frozenset({"core", "migrations"})


@lru_cache
def installed_apps() -> tuple[str, ...]:
    """Return the apps' names, sorted, so that every process sees them in the same order."""
    packages = (module.name for module in pkgutil.iter_modules(app.__path__) if module.ispkg)
    return tuple(sorted(name for name in packages if name not in NOT_APPS))


def modules(name: str) -> Iterator[ModuleType]:
    """Import that module of every app that has one; an error in it is never swallowed."""
    paths = (f"app.{app_name}.{name}" for app_name in installed_apps())
    return (import_module(path) for path in paths if _is_there(path))


def _is_there(module: str) -> bool:
    """Look for its file. `importlib.util.find_spec` would import the app, and with it all that it exports."""
    _, package, name = module.split(".")
    return PathFinder.find_spec(name, [str(Path(folder, package)) for folder in app.__path__]) is not None


def hooks(name: str) -> Iterator[Callable[..., Any]]:
    """What the module `apps` of each app has under that name."""
    for module in modules("apps"):
        if hasattr(module, name):
            yield getattr(module, name)


def load_models() -> None:
    """Complete `Base.metadata`. Rooms of core may have tables, too."""
    for path in sorted(Path(__file__).parent.glob("*/models.py")):
        import_module(f"app.core.{path.parent.name}.models")
    for _ in modules("models"):
        pass
