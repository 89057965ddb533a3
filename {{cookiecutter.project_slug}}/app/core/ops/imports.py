"""The rules for imports between apps and rooms of core. `check` applies them to apps, and import-linter to all code."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import app

ENTRY, CORE, SETTINGS = "app.main", "app.core", "app.settings"


def advice(importer: str, imported: str) -> str | None:
    """Return what to do about the import of one module by another. None: it is fine."""
    here, there = front_door(importer), front_door(imported)
    if imported == ENTRY:
        return "Nothing may import it: get the application from the request, or as an argument."
    if is_core(importer) and not is_core(imported):
        return "Core may not import apps: let the app provide it, see app/core/registry.py."
    if here != there and imported != there:
        return f"Import from {there} instead: its __init__ exports all that others may use."
    if imported == here != importer:
        return "This is the importer's own front door. Import from the module that defines the name."
    return None


def is_core(module: str) -> bool:
    return module == "app" or first(module, 2) in (CORE, SETTINGS)


def front_door(module: str) -> str:
    """Return `app.blog` for `app.blog.models`, `app.core.db` for `app.core.db.values`. A single module stays itself."""
    return first(module, 3 if first(module, 2) == CORE else 2)


def first(module: str, parts: int) -> str:
    return ".".join(module.split(".")[:parts])


@dataclass(frozen=True)
class Import:
    line: int
    module: str
    name: str | None
    """In `from module import name`."""

    def advice(self, importer: str) -> str | None:
        """Return what to do about it in this module. None: it is fine."""
        door = front_door(self.module)
        hint = advice(importer, self.module)
        if hint and door != self.module and self.name in _constant(door, "__all__"):
            return f"Write `from {door} import {self.name}`."
        return hint

    def successor(self) -> str | None:
        """Return the new name of one that is deprecated, for example `app.core.db.Page`."""
        is_door = front_door(self.module) == self.module
        return dict(_constant(self.module, "DEPRECATED")).get(self.name) if is_door else None


def imports(file: Path, module: str) -> Iterator[Import]:
    """Yield what a module imports from the project. `from package import module` imports the module."""
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [Import(node.lineno, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            found = [_from(node.lineno, source, alias.name) for alias in node.names]
        else:
            continue
        yield from (each for each in found if first(each.module, 1) == "app")


def _from(line: int, source: str, name: str) -> Import:
    parts = f"{source}.{name}".split(".")[1:]
    paths = [Path(folder, *parts) for folder in app.__path__]
    if any(path.is_dir() or path.with_suffix(".py").exists() for path in paths):
        return Import(line, f"{source}.{name}", None)
    return Import(line, source, name)


def _constant(package: str, name: str) -> Any:
    try:
        return getattr(import_module(package), name, ())
    except Exception:  # `apps_can_be_imported` reports it
        return ()
