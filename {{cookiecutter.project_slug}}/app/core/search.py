"""Finds a page of rows among millions, in about the time that it takes among a thousand.

A database that has to guess how many rows a condition leaves will sort a million of them for one page, or read a
million to find none. So that is asked first, counting no further than a page can reach. Then a narrow condition finds
its few rows by its index, to be sorted; and of a broad one, rows enough are met along the index that has them sorted.
Both ways are forced, by queries that leave no other: SQLite has no statistics to choose by, and PostgreSQL may plan a
prepared statement without looking at the values.

What that leaves: a count is exact up to 10,000, and what is to be sorted must be read, so that 10,000 finds take some
30 ms, and a thousand 2; where another condition is as broad, the rows of the first are read once more, to be counted.
Along the index of an order, those rows are read too that a condition does not want. Where it wants a tenth, that is 500
for a page of 50, some 2 ms; where all that it wants come last, it is all that come before them, of a million some 0.5 s
on PostgreSQL and 1.6 s on SQLite: a search that finds more than a page reaches can take so long, by an order that was
asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core import pagination
from app.core.pagination import Paging, capped_count

Key = TypeVar("Key")
Column = InstrumentedAttribute[Any]

LAST = "\U0010ffff"  # the last code point
BEFORE_SURROGATES, AFTER_SURROGATES = "\ud7ff", "\ue000"  # between them lies what no text may have


def begins_with(column: Column, prefix: str) -> ColumnElement[bool]:
    """A range, for an index to serve; no character of the prefix has a meaning of its own, as in LIKE.

    The column is of `app.core.database.by_code_point`, and the prefix in the form in which it stores its values.
    """
    end = _after(prefix)
    return column >= prefix if end is None else and_(column >= prefix, column < end)


def _after(prefix: str) -> str | None:
    """Return the least text that is above all that begin with the prefix; None where there is none."""
    kept = prefix.rstrip(LAST)
    if not kept:
        return None
    last = AFTER_SURROGATES if kept[-1] == BEFORE_SURROGATES else chr(ord(kept[-1]) + 1)
    return kept[:-1] + last


@dataclass(frozen=True)
class Range:
    """Rows that an index finds, in the order of its columns, `sorted_by`.

    Where `where` speaks of another table, `join` says how that belongs to the rows. `test` asks the same of one row at
    a time, where that has to be said in another way.
    """

    where: ColumnElement[bool]
    sorted_by: tuple[Column, ...] = ()
    join: ColumnElement[bool] = field(default_factory=true)
    test: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Condition:
    """Holds for the rows of any of its ranges."""

    ranges: tuple[Range, ...]

    @property
    def where(self) -> ColumnElement[bool]:
        return or_(*(part.where for part in self.ranges))

    @property
    def join(self) -> ColumnElement[bool]:
        return and_(*(part.join for part in self.ranges))

    @property
    def test(self) -> ColumnElement[bool]:
        """For one row at a time: no index is used for what stands in a CASE."""
        tests = (part.where if part.test is None else part.test for part in self.ranges)
        return case((or_(*tests), true()), else_=false())


@dataclass(frozen=True)
class Order:
    """Ties are broken by the key of the rows. Without a value is before all values, on every database.

    Where it was not `asked` for, a search that is broad may list its finds in the order in which it has them.
    """

    column: Column
    descending: bool = False
    nullable: bool = False
    asked: bool = True

    def by(self, *columns: ColumnElement[Any] | Column) -> list[ColumnElement[Any]]:
        return [column.desc() if self.descending else column.asc() for column in columns]


async def find(
    db: AsyncSession, key: InstrumentedAttribute[Key], conditions: Sequence[Condition], order: Order, paging: Paging
) -> tuple[Sequence[Key], int]:
    """Return the keys of a page, in order, and how many rows there are: exactly up to CAP, else any number above."""
    rows = select(key)
    if conditions:
        driver, tests = await _narrowest(db, conditions)
        count = await db.scalar(select(_size(driver, tests))) or 0
        page = _page(rows.where(*tests), driver, count, order, paging)
    else:
        count = await capped_count(db, rows)
        page = _walk(rows, order, paging)
    return (await db.scalars(page.limit(paging.limit).offset(paging.offset))).all(), count


def _reach() -> int:
    """How many rows, of those that are first in an order, can be on any page."""
    return pagination.CAP + pagination.MAX_LIMIT


async def _narrowest(
    db: AsyncSession, conditions: Sequence[Condition]
) -> tuple[Condition, Sequence[ColumnElement[bool]]]:
    """Return the condition that leaves the fewest rows (of broad ones, the first), and tests in place of the others."""
    if len(conditions) == 1:
        return conditions[0], ()
    sizes = [min(size, _reach() + 1) for size in (await db.execute(select(*map(_size, conditions)))).one()]
    driver = conditions[sizes.index(min(sizes))]
    return driver, [condition.test for condition in conditions if condition is not driver]


def _most(condition: Condition) -> int:
    """How many rows there can be while none of the ranges alone has more than any page reaches."""
    return _reach() * len(condition.ranges)


def _size(condition: Condition, tests: Sequence[ColumnElement[bool]] = ()) -> ColumnElement[int]:
    """How many rows pass; or, where one range alone has more than any page reaches, the `_most`, 1, and its number.

    A CASE looks no further than it has to, and the ORDER BY makes it count along the index.
    """
    ones: Select[int] = select(literal_column("1")).where(*tests, *([condition.join] if tests else ()))
    broad = (
        ones.where(part.where).order_by(*part.sorted_by).offset(_reach()).limit(1).exists() for part in condition.ranges
    )
    # The LIMIT cuts nothing off, but keeps PostgreSQL from preparing for millions where the CASE will not come here.
    every = ones.where(condition.where).limit(_most(condition)).subquery()
    count = select(func.count()).select_from(every).scalar_subquery()
    return case(*((exists, _most(condition) + 1 + number) for number, exists in enumerate(broad)), else_=count)


def _page(rows: Select[Any], driver: Condition, count: int, order: Order, paging: Paging) -> Select[Any]:
    """Put in order what the driver finds; the count is its `_size`."""
    ranges, broad = driver.ranges, count - _most(driver) - 1
    if broad >= 0 and not order.asked:
        ranges = (driver.ranges[broad],)
        order = replace(order, column=ranges[0].sorted_by[-1]) if ranges[0].sorted_by else order
    if len(ranges) == 1 and order.column in ranges[0].sorted_by[-1:]:
        return rows.where(ranges[0].where).order_by(*order.by(*ranges[0].sorted_by, rows.selected_columns[0]))
    if count > _reach():
        return _walk(rows.where(driver.test), order, paging)
    return _sort(rows.where(driver.where, driver.join), order)


def _walk(rows: Select[Any], order: Order, paging: Paging) -> Select[Any]:
    """Read along an index.

    PostgreSQL's has all that is NULL at its end, so where there may be some, two parts of it are read, each as far as
    the page reaches.
    """
    key = rows.selected_columns[0]
    if not order.nullable:
        return rows.order_by(*order.by(order.column, key))
    has_value = order.column.is_not(None)
    parts = (
        rows.add_columns(order.column).where(part).order_by(*order.by(order.column, key)).limit(paging.end).subquery()
        for part in (has_value, ~has_value)
    )
    return _in_order(union_all(*map(select, parts)), order)


def _sort(rows: Select[Any], order: Order) -> Select[Any]:
    """Find first, and then sort: by a LIMIT that cuts nothing off, since no database looks behind one."""
    return _in_order(rows.add_columns(order.column).limit(_reach()), order)


def _in_order(rows: Select[Any] | CompoundSelect[Any], order: Order) -> Select[Any]:
    key, column = rows.subquery().c
    return select(key).order_by(*order.by(column.is_not(None), column, key))
