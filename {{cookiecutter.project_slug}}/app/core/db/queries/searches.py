"""Searches a list by prefixes, with the indexes of the searched columns.

It searches each column separately and unites the keys:

    finds = [keys_by_prefix([Post.id], column, term) for column in (Post.title, Post.place)]
    posts, count = await search(db, select(Post).order_by(Post.title, Post.id), finds, paging)

A search is quick in a column with an index and the type of `app.core.db.columns.by_code_point`.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, String, any_, cast, func, select, tuple_, union
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core.db.queries import pagination
from app.core.db.queries.pagination import Paging, capped_count, paginate

Row = TypeVar("Row")
Column = InstrumentedAttribute[Any]

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects have no types

LAST = "\U0010ffff"  # the last code point, which is no character


async def search(
    db: AsyncSession, rows: Select[Row], finds: Sequence[Select[Any]], paging: Paging
) -> tuple[Sequence[Row], int]:
    """Return a page of the rows whose keys the queries find, and the count, as `paginate` does.

    If both the queries and `rows` have more than COUNT_CAP results, only the first COUNT_CAP keys of each query are
    used. The count is then COUNT_CAP + 1.
    """
    key = list(finds[0].selected_columns)
    is_broad = await capped_count(db, _first(finds)) > pagination.COUNT_CAP
    if is_broad and await capped_count(db, rows) <= pagination.COUNT_CAP:
        few = rows.with_only_columns(*key).order_by(None)
        finds, is_broad = [each.where(_among(db, key, few)) for each in finds], False
    found = rows.where(_among(db, key, _first(finds)))
    if not is_broad:
        return await paginate(db, found, paging)
    return (await db.scalars(found.limit(paging.limit).offset(paging.offset))).all(), pagination.COUNT_CAP + 1


def _first(finds: Sequence[Select[Any]]) -> Select[Any]:
    """Unite the first keys that each query finds. The limit bounds the cost of the next steps."""
    return select(union(*(select(each.limit(pagination.COUNT_CAP + 1).subquery()) for each in finds)).subquery())


def _among(db: AsyncSession, key: Sequence[ColumnElement[Any]], found: Select[Any]) -> ColumnElement[bool]:
    """With IN and so many keys, PostgreSQL would read the whole table. With an array it uses the index of the key."""
    if len(key) == 1 and db.get_bind().dialect.name == "postgresql":
        return key[0] == any_(func.array(found.scalar_subquery()))
    return tuple_(*key).in_(found)


def keys_by_prefix(key: Sequence[Column], column: Column, prefix: str) -> Select[Any]:
    """Find the rows whose column begins with the prefix, in the order of its index."""
    return select(*key).where(begins_with(column, prefix)).order_by(column, *key)


def begins_with(column: Column, prefix: str) -> ColumnElement[bool]:
    """Return a range, in which case counts, for a column of `by_code_point`. For others, return LIKE in any case."""
    if getattr(column.type.dialect_impl(POSTGRESQL), "collation", None) != "C":
        return cast(column, String).istartswith(prefix, autoescape=True)
    return column.between(prefix, prefix + LAST)


def ordered_by(column: Column, key: Sequence[Column], *, descending: bool = False) -> list[ColumnElement[Any]]:
    """Break ties by the key. Rows without a value come before all others, in every database."""
    order: list[ColumnElement[Any]] = [each.desc() if descending else each.asc() for each in (column, *key)]
    if getattr(column.expression, "nullable", True):  # an SQL expression does not say
        order[0] = column.desc().nulls_last() if descending else column.asc().nulls_first()
    return order
