"""A contract for import-linter. It finds the apps and the rooms of core by itself, without a list."""

from collections.abc import Iterable, Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

from app.core.ops.imports import CORE, advice, first

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
            if imported not in self.public and (hint := advice(importer, imported)):
                yield f"{importer} imports {imported}. {hint}"


def _circles(graph: ImportGraph, imports: Imports) -> Iterator[str]:
    """Find circles between two apps, each once."""
    found = set()
    for importer, imported in imports:
        back = first(importer, 2) != first(imported, 2) and graph.find_shortest_chain(imported, importer)
        if back and frozenset(back) not in found:
            found.add(frozenset(back))
            circle = " → ".join([importer, *back])
            yield f"{circle} is a circle. Move what both need into a module that imports neither."


def _crowd(graph: ImportGraph) -> Iterator[str]:
    entries = 1 + len(graph.find_children(CORE))
    if entries > MAX_ENTRIES:
        yield f"{CORE} has {entries} entries, more than {MAX_ENTRIES}. Move the new one into one of its rooms."
