"""Pages of a list: searched, filtered and sorted by `app.core.search`, so that a million rows take no longer."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqladmin.pagination import Pagination
from sqlalchemy import ColumnElement, Select, Table, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Mapper, selectinload
from starlette import status
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import override

from app.admin.overrides import SafeModelView
from app.core.pagination import CAP, Paging
from app.core.search import Condition, Order, Range, begins_with, find

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects have no types

Column = InstrumentedAttribute[Any]


class Count(int):
    """Of more rows than can be paged through, it is not told how many."""

    @override
    def __str__(self) -> str:
        return f"more than {CAP:,}" if self > CAP else int.__str__(self)


def paging_of(view: SafeModelView, request: Request) -> Paging:
    number = view.validate_page_number(request.query_params.get("page"), 1)
    size = view.validate_page_number(request.query_params.get("pageSize"), view.page_size)
    size = min(max(size, 1), max(view.page_size_options))
    number = min(max(number, 1), CAP // size + 1)
    return Paging(limit=size, offset=(number - 1) * size)


def page_of(rows: Sequence[Any], count: int, paging: Paging) -> Pagination:
    return Pagination([*rows], paging.offset // paging.limit + 1, paging.limit, Count(min(count, CAP + 1)))


async def find_rows(
    view: SafeModelView, request: Request, search: Condition | None, paging: Paging
) -> tuple[Sequence[Any], int]:
    """Return a page of rows, and the count, as `app.core.search.find` does."""
    key = key_of(view.model)
    conditions = [search] if search else []
    conditions += [condition async for condition in _conditions(view, request, key)]
    rows: Select[Any] = select(view.model).options(*(selectinload(relation) for relation in view.listed_relations))
    async with view.session_maker() as db:
        return await find(db, rows, conditions, _order(view, request, key), paging)


def key_of(model: type) -> Column:
    """Raises ValueError for a key of several columns, which `app.core.search` cannot page through."""
    mapper: Mapper[Any] = inspect(model)
    (column,) = mapper.primary_key
    attribute: Column = getattr(model, mapper.get_property_by_column(column).key)
    return attribute


async def _conditions(view: SafeModelView, request: Request, key: Column) -> AsyncIterator[Condition]:
    """What the page restricts itself to, and its filters."""
    queries = [view.list_query(request)]
    each: Any  # one of two kinds, which take different arguments
    for each in view.get_filters():
        value = request.query_params.get(each.parameter_name) or None
        if each.has_operator:
            operation = request.query_params.get(f"{each.parameter_name}_op", "")
            queries.append(await each.get_filtered_query(select(view.model), operation, value, view.model))
        elif value or hasattr(each, "default_value"):
            queries.append(await each.get_filtered_query(select(view.model), value, view.model))
    for query in queries:
        if (where := _where(query, key)) is not None:
            yield Range(where)


def _where(query: Select[Any], key: Column) -> ColumnElement[bool] | None:
    """Return the condition of a query; where it joins others, that condition alone would not do."""
    if all(isinstance(table, Table) for table in query.get_final_froms()):
        return query.whereclause
    return key.in_(query.with_only_columns(key).order_by(None))


def sorting(view: SafeModelView, request: Request) -> tuple[str, bool] | None:
    name = request.query_params.get("sortBy", "")
    if name and name not in view.sortable_columns:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "This column cannot be sorted by.")
    return (name, request.query_params.get("sort") == "desc") if name else None


def _order(view: SafeModelView, request: Request, key: Column) -> Order:
    asked = sorting(view, request)
    name, descending = asked or view.default_sort
    column = comparable(view.model, name)
    nullable = bool(inspect(view.model).columns[column.key].nullable)
    return Order(column, key, descending, nullable=nullable, asked=asked is not None)


def comparable(model: type, name: str) -> Column:
    """Return the column in which `name` is stored folded, if there is one, else that of the name itself."""
    attribute: Column = getattr(model, f"{name}_folded", None) or getattr(model, name)
    return attribute


def begins(model: type, name: str, term: str) -> Range:
    column = comparable(model, name)
    if not _is_by_code_point(column):
        return Range(column.istartswith(term, autoescape=True))
    where = begins_with(column, term if column.key == name else term.casefold())
    return Range(where, sorted_by=(column,) if is_sorted(model, name) else ())


def _is_by_code_point(column: Column) -> bool:
    return getattr(column.type.dialect_impl(POSTGRESQL), "collation", None) == "C"


def is_sorted(model: type, name: str) -> bool:
    """Tell whether an index has the rows in the order of this column, and where it is the same, of their key."""
    mapper: Mapper[Any] = inspect(model)
    column = mapper.columns[comparable(model, name).key]
    indexes = (list(index.columns) for index in getattr(mapper.local_table, "indexes", ()))
    wanted = [column, *mapper.primary_key]
    return bool(column.primary_key or column.unique) or wanted in (columns[: len(wanted)] for columns in indexes)
