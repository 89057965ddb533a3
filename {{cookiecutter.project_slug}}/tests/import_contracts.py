"""A contract for import-linter that knows what an app is, so that no list grows with the apps."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ENTRY = "app.main"


class AppsContract(Contract):
    """`app.main` may import everything; apps may import core, themselves, and the public modules of other apps."""

    type_name = "apps"

    # Lists of names by the time of the check, whatever the classes of these fields say.
    core: Any = fields.ListField(subfield=fields.StringField())
    public: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            f"{importer} must not import {imported}"
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not self._allowed(importer, imported)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line)

    def _allowed(self, importer: str, imported: str) -> bool:
        if importer == ENTRY or self._is_core(imported) or _app(importer) == _app(imported):
            return True
        return not self._is_core(importer) and imported in self.public

    def _is_core(self, module: str) -> bool:
        return module == "app" or _app(module) in self.core


def _app(module: str) -> str:
    """`app.blog.models` belongs to `app.blog`."""
    return ".".join(module.split(".")[:2])
