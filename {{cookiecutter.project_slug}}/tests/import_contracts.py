"""A contract for import-linter. It finds the apps and the rooms of core by itself, without a list."""

from collections.abc import Iterable, Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ENTRY, CORE, SETTINGS = "app.main", "app.core", "app.settings"
MAX_ENTRIES = 12  # at the top of core, including its __init__

Imports = Iterable[tuple[str, str]]
"""Pairs of modules: the first imports the second."""


class FrontDoorsContract(Contract):
    """`app.main` may import everything. Apps may import core and each other. Core may not import apps.

    Others import an app or a room of core only through its front door, the package itself. The contract
    `acyclic_siblings` checks for circles inside core and inside an app.
    """

    type_name = "front_doors"

    # At the time of the check, it is a list of names, although the class of the field says otherwise.
    public: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        imports = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
        ]
        broken = [*self._detours(imports), *_circles(graph, imports), *_crowd(graph)]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line)
            output.new_line()

    def _detours(self, imports: Imports) -> Iterator[str]:
        for importer, imported in imports:
            if imported not in self.public and (advice := _advice(importer, imported)):
                yield f"{importer} imports {imported}. {advice}"


def _advice(importer: str, imported: str) -> str | None:
    here, there = _door(importer), _door(imported)
    if imported == ENTRY:
        return "Nothing may import it: get the application from the request, or as an argument."
    if _is_core(importer) and not _is_core(imported):
        return "Core may not import apps: let the app provide it, see app/core/registry.py."
    if here != there and imported != there:
        return f"Import from {there} instead: its __init__ exports all that others may use."
    if imported == here != importer:
        return "This is the importer's own front door. Import from the module that defines the name."
    return None


def _circles(graph: ImportGraph, imports: Imports) -> Iterator[str]:
    """Find circles between two apps, each once."""
    found = set()
    for importer, imported in imports:
        back = _first(importer, 2) != _first(imported, 2) and graph.find_shortest_chain(imported, importer)
        if back and frozenset(back) not in found:
            found.add(frozenset(back))
            circle = " → ".join([importer, *back])
            yield f"{circle} is a circle. Move what both need into a module that imports neither."


def _crowd(graph: ImportGraph) -> Iterator[str]:
    entries = 1 + len(graph.find_children(CORE))
    if entries > MAX_ENTRIES:
        yield f"{CORE} has {entries} entries, more than {MAX_ENTRIES}. Move the new one into one of its rooms."


def _is_core(module: str) -> bool:
    return module == "app" or _first(module, 2) in (CORE, SETTINGS)


def _door(module: str) -> str:
    """Return `app.blog` for `app.blog.models`, `app.core.db` for `app.core.db.engine`. A single module stays itself."""
    return _first(module, 3 if _first(module, 2) == CORE else 2)


def _first(module: str, parts: int) -> str:
    return ".".join(module.split(".")[:parts])
