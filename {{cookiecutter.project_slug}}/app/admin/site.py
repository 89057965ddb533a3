"""The base of the pages of an app, which are in its module `admin`:

from app.admin import ModelAdmin
from app.notes.models import Note

class NoteAdmin(ModelAdmin, model=Note): ...

This page lists, shows, adds, changes, deletes and exports notes, if the user has the permissions of the model.
sqladmin's documentation of `ModelView` explains the options. The differences are:

- A search finds values that begin with the term. If there is a column `x_folded`, it searches there instead of in `x`.
  For another search, override `search` instead of `search_query`.
- Users can sort a list by columns that have an index, together with the key.
- Columns marked as secret are never shown.
- A form writes only the fields that somebody changed in it: the `data` of a change has no others. It does not overwrite
  what somebody else changed after the form was shown.
- A field lists up to 500 rows of another model. With more rows, it shows the chosen ones, and searches for others as
  the page of that model does. `form_ajax_refs` can replace this search.
- An action (`@action`) is posted, and needs the permission to change.
- `perform_create`, `perform_update` and `perform_delete` do the work. They may call use cases of the app, and raise
  `Refused` to show on the form what is wrong.
"""

import builtins
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from numbers import Number
from typing import Any, ClassVar
from urllib.parse import urlencode

from sqladmin import action
from sqladmin.filters import OperationColumnFilter
from sqladmin.formatters import BASE_FORMATTERS
from sqladmin.forms import ModelConverterBase
from sqladmin.pagination import Pagination
from sqlalchemy import Select, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.exc import StaleDataError
from starlette import status
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from typing_extensions import override

from app.accounts import AuthenticatedUser
from app.admin.editing.fields import FieldConverter
from app.admin.editing.forms import MAX_FOUND, FormView
from app.admin.showing import formats, listing
from app.admin.showing.filters import ColumnFilter
from app.admin.values import from_list, name_of
from app.core.db import Base, Paging, is_conflict, is_unfit, paginate, search
from app.core.web import conflict_reason

__all__ = ["ModelAdmin", "Refused", "acting_user", "action", "new_session"]

# A spreadsheet takes these for the beginning of a formula. The last four are wide ones of East Asian keyboards.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
UNFIT = "The database does not take one of the values: it is missing or too large, or a rule forbids it."
CONFLICT = "Somebody else has changed this row, or it names a row that does not exist. Load the page again."


class Refused(Exception):
    """The form shows its text as the reason."""


def acting_user(request: Request) -> AuthenticatedUser:
    user: AuthenticatedUser = request.state.user
    return user


def new_session(request: Request) -> AsyncSession:
    session: AsyncSession = request.app.state.database.session()
    return session


class ModelAdmin(FormView):
    page_size = 25
    column_type_formatters: ClassVar = {
        **BASE_FORMATTERS,
        bool: formats.yes_no,
        datetime: formats.moment,
        Base: name_of,
    }
    form_converter: ClassVar[type[ModelConverterBase]] = FieldConverter
    use_pretty_export = True
    export_max_rows = 10_000

    def __init__(self) -> None:
        super().__init__()
        mapper: Mapper[Any] = inspect(self.model)
        self.label_columns({each.key: formats.label(each.key) for each in mapper.attrs})
        if not self.column_sortable_list:
            shown = (name for name in self.listed_columns if name in self.visible_columns)
            self.allow_sorting_by(name for name in shown if listing.is_sorted(self.model, name))

    @override
    def get_filters(self) -> builtins.list[Any]:
        """sqladmin's filter of a column knows few types."""
        return [
            ColumnFilter(each.column, each.title, each.parameter_name) if type(each) is OperationColumnFilter else each
            for each in super().get_filters()
        ]

    @override
    def get_list_columns(self) -> builtins.list[str]:
        if self.column_list or self.column_exclude_list:
            return super().get_list_columns()
        return self.visible_columns

    def search(self, term: str) -> Sequence[Select[Any]]:
        """Return queries that find the keys of rows, for `app.core.db.search`."""
        return listing.find_keys(self, term)

    @override
    async def list(self, request: Request) -> Pagination:
        paging = listing.paging_of(self, request)
        return listing.page_of(*await self.rows(request, paging), paging)

    async def rows(self, request: Request, paging: Paging) -> tuple[Sequence[Any], int]:
        """Return a page of rows and the count, as `app.core.db.search` does."""
        rows, term = await listing.listed(self, request), request.query_params.get("search", "").strip()
        async with new_session(request) as db:
            if term and self.searched_columns:
                return await search(db, rows, self.search(term), paging)
            return await paginate(db, rows, paging)

    @override
    async def find(self, request: Request, term: str) -> Sequence[Any]:
        """Find rows as the list does, if it has a search."""
        if not self.searched_columns or len(self.pk_columns) > 1:
            return await super().find(request, term)
        asked = Request({**request.scope, "query_string": urlencode({"search": term}).encode()})
        rows, _ = await self.rows(asked, Paging(limit=MAX_FOUND))
        return rows

    @override
    def sort_query(self, stmt: Select[Any], request: Request) -> Select[Any]:
        return listing.sort(self, stmt, request)

    async def chosen(self, request: Request) -> Sequence[Any]:
        """Return the rows that somebody chose for an action."""
        keys = from_list(request.query_params.get("pks", ""))
        rows = [await self.get_object_for_delete(key) for key in keys]
        if None in rows:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return rows

    def to_list(self, request: Request) -> Response:
        return RedirectResponse(request.url_for("admin:list", identity=self.identity), status.HTTP_303_SEE_OTHER)

    @override
    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        with _as_refusals(request):
            await self._refuse_unknown(data)
            return await self.perform_create(request, self.left_to_defaults(data))

    @override
    async def update_model(self, request: Request, pk: str, data: dict[str, Any]) -> Any:
        with _as_refusals(request):
            await self._refuse_unknown(data)
            return await self.perform_update(request, pk, data)

    @override
    async def delete_model(self, request: Request, pk: str) -> None:
        with _as_refusals(request):
            await self.perform_delete(request, pk)

    async def _refuse_unknown(self, data: dict[str, Any]) -> None:
        if labels := await self.unknown(data):
            raise Refused(f"{', '.join(labels)}: Not a valid choice")

    async def perform_create(self, request: Request, data: dict[str, Any]) -> Any:
        """Return the new row. `data` has the keys of related rows as text."""
        return await super().insert_model(request, data)

    async def perform_update(self, request: Request, pk: str, data: dict[str, Any]) -> Any:
        """Return the changed row. `data` has only the changed fields."""
        return await super().update_model(request, pk, data)

    async def perform_delete(self, request: Request, pk: str) -> None:
        await super().delete_model(request, pk)

    @override
    async def get_prop_value(self, obj: Any, prop: str) -> Any:
        """Show the name of each member. sqladmin shows the value of one that is 0 or empty."""
        value = await super().get_prop_value(obj, prop)
        return value.name if isinstance(value, Enum) and not isinstance(value, str) else value

    @override
    async def custom_export_cell(self, row: Any, name: str, value: Any) -> str | None:
        """Mark what begins like a formula as text, so that a spreadsheet does not run it."""
        _, shown = await self.get_list_value(row, name)
        if isinstance(shown, Number):
            return None
        text = ",".join(map(str, shown)) if isinstance(shown, list | tuple) else str(shown)
        return f"'{text}" if text.startswith(FORMULA) else None


@contextmanager
def _as_refusals(request: Request) -> Iterator[None]:
    """Turn errors of values into a refusal. Remember other errors, so that `app.admin.application` can raise them."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        if isinstance(error, DBAPIError) and is_conflict(error):
            raise Refused(conflict_reason(error) or CONFLICT) from None
        if isinstance(error, StaleDataError):
            raise Refused(CONFLICT) from None
        if is_unfit(error):
            raise Refused(UNFIT) from None
        if type(error) is ValueError:  # of a model's own rule (`@validates`)
            raise Refused(str(error)) from error
        request.state.failure = error
        raise
