"""A contract for import-linter that finds the apps and the rooms of core, so that no list grows with them."""

from collections.abc import Iterable, Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ENTRY, CORE, SETTINGS = "app.main", "app.core", "app.settings"
MAX_ENTRIES = 12  # at the top of core, its __init__ among them

Imports = Iterable[tuple[str, str]]
"""Pairs of who imports and what."""


class FrontDoorsContract(Contract):
    """`app.main` may import everything, apps may import core and each other, and core no app.

    Each app and each room of core is imported by its front door, the package itself. Circles within core and within an
    app are left to the contract `acyclic_siblings`.
    """

    type_name = "front_doors"

    # A list of names by the time of the check, whatever the class of the field says.
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
        return "Core knows no app: let the app bring it, as app/core/registry.py says."
    if here != there and imported != there:
        return f"Import from {there} instead: its __init__ exports what others may use."
    if imported == here != importer:
        return "That is its own front door. Import the module that defines the name."
    return None


def _circles(graph: ImportGraph, imports: Imports) -> Iterator[str]:
    """Find those that lead from one app to another and back, each once."""
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
        yield f"{CORE} has {entries} entries, and {MAX_ENTRIES} are enough. Put the new one into one of its rooms."


def _is_core(module: str) -> bool:
    return module == "app" or _first(module, 2) in (CORE, SETTINGS)


def _door(module: str) -> str:
    """`app.blog` for `app.blog.models`, `app.core.db` for `app.core.db.engine`; a single module is its own."""
    return _first(module, 3 if _first(module, 2) == CORE else 2)


def _first(module: str, parts: int) -> str:
    return ".".join(module.split(".")[:parts])
