"""The page of the audit log, which can be read and no more."""

from typing import Any, ClassVar

from typing_extensions import override

from app.admin import formats
from app.admin.site import ModelAdmin
from app.core.audit import AuditEntry


class AuditEntryAdmin(ModelAdmin, model=AuditEntry):
    name = "Audit entry"
    name_plural = "Audit log"
    icon = "fa-solid fa-clock-rotate-left"
    can_create = can_edit = can_delete = False
    column_list: ClassVar = ["at", "actor", "place", "action", "model", "object_name", "changes"]
    column_labels: ClassVar = {"at": "When", "actor": "Who", "place": "From", "object_name": "Which", "changes": "What"}
    column_searchable_list: ClassVar = ["actor", "object_id"]
    column_default_sort = ("at", True)
    column_export_list: ClassVar = [*column_list[:-1], "object_id", "request_id", "changes"]
    column_formatters: ClassVar = {
        "object_name": lambda entry, _: entry.object_name or entry.object_id,  # a session has no name
        "changes": lambda entry, _: formats.in_a_line(entry.changes),
    }
    column_formatters_detail: ClassVar = {"changes": lambda entry, _: formats.in_lines(entry.changes)}

    @override
    async def custom_export_cell(self, row: Any, name: str, value: Any) -> str | None:
        """All of it, where a page has only the beginning."""
        if name != "changes":
            return await super().custom_export_cell(row, name, value)
        text = "; ".join(formats.told(row.changes))
        return await super().custom_export_cell(row, name, text) or text
