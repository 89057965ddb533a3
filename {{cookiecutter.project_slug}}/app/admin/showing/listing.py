"""Lists: searched, filtered, sorted and paged. The cost is about the same for a thousand rows and for a million."""

from collections.abc import Sequence
from typing import Any

from sqladmin.pagination import Pagination
from sqlalchemy import Select, inspect
from sqlalchemy.orm import InstrumentedAttribute, Mapper, selectinload
from starlette import status
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import override

from app.admin.overrides import SafeModelView
from app.core.db import COUNT_CAP, Paging, keys_by_prefix, ordered_by

Column = InstrumentedAttribute[Any]


class Count(int):
    """The number of rows, at most COUNT_CAP + 1."""

    @override
    def __str__(self) -> str:
        return f"more than {COUNT_CAP:,}" if self > COUNT_CAP else int.__str__(self)


def paging_of(view: SafeModelView, request: Request) -> Paging:
    number = view.validate_page_number(request.query_params.get("page"), 1)
    size = view.validate_page_number(request.query_params.get("pageSize"), view.page_size)
    size = min(max(size, 1), max(view.page_size_options))
    number = min(max(number, 1), COUNT_CAP // size + 1)
    return Paging(limit=size, offset=(number - 1) * size)


def page_of(rows: Sequence[Any], count: int, paging: Paging) -> Pagination:
    return Pagination([*rows], paging.offset // paging.limit + 1, paging.limit, Count(count))


async def listed(view: SafeModelView, request: Request) -> Select[Any]:
    """Select the rows for the list, filtered and sorted."""
    rows = view.list_query(request).options(*(selectinload(relation) for relation in view.listed_relations))
    each: Any  # there are two kinds, with different arguments
    for each in view.get_filters():
        value = request.query_params.get(each.parameter_name) or None
        if each.has_operator:
            operation = request.query_params.get(f"{each.parameter_name}_op", "")
            rows = await each.get_filtered_query(rows, operation, value, view.model)
        elif value or hasattr(each, "default_value"):
            rows = await each.get_filtered_query(rows, value, view.model)
    return view.sort_query(rows, request)


def sort(view: SafeModelView, rows: Select[Any], request: Request) -> Select[Any]:
    name, descending = request.query_params.get("sortBy", ""), request.query_params.get("sort") == "desc"
    if name and name not in view.sortable_columns:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "The list cannot be sorted by this column.")
    name, descending = (name, descending) if name else view.default_sort
    return rows.order_by(*ordered_by(comparable(view.model, name), key_columns(view), descending=descending))


def find_keys(view: SafeModelView, term: str) -> list[Select[Any]]:
    """Return queries for the keys of the rows in which a searched column begins with the term."""
    columns = {name: comparable(view.model, name) for name in view.searched_columns}
    return [
        keys_by_prefix(key_columns(view), column, term if column.key == name else term.casefold())
        for name, column in columns.items()
    ]


def key_columns(view: SafeModelView) -> list[Column]:
    mapper: Mapper[Any] = inspect(view.model)
    return [getattr(view.model, mapper.get_property_by_column(column).key) for column in mapper.primary_key]


def comparable(model: type, name: str) -> Column:
    """Return the column with the folded form of `name` if there is one, else the column `name`."""
    attribute: Column = getattr(model, f"{name}_folded", None) or getattr(model, name)
    return attribute


def is_sorted(model: type, name: str) -> bool:
    """Tell whether an index has the rows in the order of this column, and then of the key."""
    mapper: Mapper[Any] = inspect(model)
    column = mapper.columns[comparable(model, name).key]
    indexes = (list(index.columns) for index in getattr(mapper.local_table, "indexes", ()))
    wanted = [column, *mapper.primary_key]
    is_unique = column.primary_key or getattr(column, "unique", False)  # an SQL expression does not say
    return bool(is_unique) or wanted in (columns[: len(wanted)] for columns in indexes)
