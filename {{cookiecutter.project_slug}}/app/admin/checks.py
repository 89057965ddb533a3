from collections.abc import AsyncIterator

from sqlalchemy import Column

from app.admin.application import views
from app.admin.editing.fields import has_default
from app.admin.site import ModelAdmin
from app.core import registry
from app.core.db import Database
from app.core.ops import Problem, check
from app.settings import Settings


@check()
async def columns_have_fields(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """A page can do without a field, unless nobody could add a row."""
    pages = (view for module in registry.modules("admin") for view in views(module) if issubclass(view, ModelAdmin))
    for page in (view() for view in pages if view.can_create or view.can_edit):
        for name in page.columns_without_field:
            column = page.written_columns[name]
            message = f"The forms of {type(page).__name__} have no field for {name} ({type(column.type).__name__})"
            if page.can_create and _must_be_given(column):
                hint = "Set can_create = False, or name a field in form_overrides."
                yield Problem("admin.W001", f"{message}, so nobody can add rows.", hint)
            else:
                hint = "Name a field in form_overrides, or leave the column out with form_excluded_columns."
                yield Problem("admin.I001", f"{message}.", hint)


def _must_be_given(column: "Column[object]") -> bool:
    return not (column.nullable or has_default(column))
