"""Finds the apps and their modules, so that nobody has to edit a list.

An app is a package in `app/`. Its `__init__` exports what other apps may use. They import nothing else from it.
It may have any of these modules:

    models       tables, on `app.core.db.Base`
    routes       `router`, an APIRouter
    admin        pages of the admin site, see `app.admin.site`
    commands     `cli`, a Typer: `manage.py` gets each function that is marked with `@cli.command()`
    checks       functions marked with `app.core.ops.check`
    tasks        functions marked with `app.core.tasks.task`
    apps         `ready(app)`, called once for each new application; `migrated(connection)`, called after `migrate` has
                 applied the last migration; `authentication(app)`, which returns authentication backends, see
                 `app.accounts`
    fixtures     a folder, see `app.core.cli.fixtures`
    templates    a folder, see `app.core.web.pages.templating`
    migrations   a folder without `__init__.py`: the app's own history, see `app.core.db.migrations.histories`
"""

import pkgutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import app


class StartError(Exception):
    """Says in one line what to repair before the application can start."""


MODULES = ("models", "routes", "admin", "commands", "checks", "tasks", "apps")
NOT_APPS = frozenset({"core", "migrations"})


@lru_cache
def installed_apps() -> tuple[str, ...]:
    """Return the names of the apps, sorted: every process must have the same order."""
    packages = (module.name for module in pkgutil.iter_modules(app.__path__) if module.ispkg)
    return tuple(sorted(name for name in packages if name not in NOT_APPS))


def modules(name: str) -> Iterator[ModuleType]:
    """Import this module of every app that has it. Errors in the module are never hidden."""
    return map(import_module, module_paths(name))


def core_modules(name: str) -> Iterator[ModuleType]:
    """Import this module of every room of core that has it."""
    for path in sorted(Path(__file__).parent.glob(f"*/{name}.py")):
        yield import_module(f"app.core.{path.parent.name}.{name}")


def module_paths(name: str) -> Iterator[str]:
    """Yield the dotted path of this module for every app that has it. Import nothing."""
    return filter(_is_there, (f"app.{app_name}.{name}" for app_name in installed_apps()))


def _is_there(module: str) -> bool:
    """Look for the module's file. `importlib.util.find_spec` would import the app with all that it exports."""
    _, package, name = module.split(".")
    return PathFinder.find_spec(name, [str(Path(folder, package)) for folder in app.__path__]) is not None


def hooks(name: str) -> Iterator[Callable[..., Any]]:
    """Yield the function with this name from the module `apps` of each app."""
    for module in modules("apps"):
        if hasattr(module, name):
            yield getattr(module, name)


def load_models() -> None:
    """Complete `Base.metadata`."""
    for _ in chain(core_modules("models"), modules("models")):
        pass
