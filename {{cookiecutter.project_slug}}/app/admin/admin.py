"""The page of the audit log. It is read-only."""

from typing import Any, ClassVar

from sqladmin.filters import StaticValuesFilter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from app.admin.showing import formats
from app.admin.site import ModelAdmin, Refused, action
from app.core.audit import AuditEntry
from app.core.tasks import BackgroundJob


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
        """Export the whole text. A page shows only its beginning."""
        if name != "changes":
            return await super().custom_export_cell(row, name, value)
        text = "; ".join(formats.told(row.changes))
        return await super().custom_export_cell(row, name, text) or text


class BackgroundJobAdmin(ModelAdmin, model=BackgroundJob):
    icon = "fa-solid fa-gears"
    can_create = can_edit = can_delete = False
    column_list: ClassVar = ["id", "task_name", "status", "attempts", "scheduled_at"]
    column_details_list: ClassVar = [*column_list, "args"]
    column_labels: ClassVar = {"task_name": "Task", "scheduled_at": "Not before", "args": "Arguments"}
    column_default_sort = ("id", True)
    column_filters: ClassVar = [StaticValuesFilter("status", [(each, each) for each in ("todo", "doing", "failed")])]

    @override
    def is_accessible(self, request: Request) -> bool:
        return request.app.state.settings.task_queue == "database" and super().is_accessible(request)

    @action(name="retry", label="Retry", confirmation_message="Try it again?")
    async def retry(self, request: Request) -> Response:
        jobs = await self.chosen(request)
        if any(job.status != "failed" for job in jobs):
            raise Refused("Only what has failed can be tried again.")
        await request.app.state.tasks.retry(job.id for job in jobs)
        return self.to_list(request)
