"""Finds a page of rows among millions, in about the time that it takes among a thousand.

A database that has to guess how many rows a condition leaves will sort a million of them for one page, or read a
million to find none. So that is asked first, counting no further than a page can reach, along indexes. Then a narrow
condition finds its few rows by its index, to be sorted; and of a broad one, rows enough are met along the index that
has them sorted. Both ways are forced, by queries that leave no other: SQLite has no statistics to choose by, and
PostgreSQL may plan a prepared statement without looking at the values.

A page is read along the index at once where the index has the rows in its order, and so is what it passes over, without
the rows. A search in several columns lists what the first column finds in the order of its index, then what only the
second finds, and so on. With an index on each column that also has the columns before it, to count 10,000 finds takes
half a millisecond, again for each other column that finds the same, and the page as good as nothing.

What that leaves, where another order is asked for: what is to be sorted must be read, 1 to 2 ms for a thousand finds,
10 to 20 for 10,000, and as much again for each other condition that is as broad. Along the index of an order, those
rows are read too that a condition does not want. Where it wants a tenth, that is 500 for a page of 50, some 2 ms; where
it wants more than a page can reach, and all of them come last, it is all that come before, of a million some 0.5 s on
PostgreSQL and 1.6 s on SQLite: but not in the order of a searched column, in which what comes first is found by the
other columns.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core import pagination
from app.core.pagination import Paging, count_up_to

Row = TypeVar("Row")
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


@dataclass(frozen=True, eq=False)
class Range:
    """A condition for whose rows there is an index, which has them in the order of the columns `sorted_by`.

    Where `where` speaks of another table, `join` says how that belongs to the rows. `test` asks the same of one row at
    a time, where that has to be said in another way. `remainder` follows for the rows that no earlier range of a search
    has, and need not be said but for an index that has only those.
    """

    where: ColumnElement[bool]
    sorted_by: tuple[Column, ...] = ()
    join: ColumnElement[bool] = field(default_factory=true)
    test: ColumnElement[bool] | None = None
    remainder: tuple[ColumnElement[bool], ...] = ()

    @property
    def ranges(self) -> tuple["Range", ...]:
        return (self,)

    @property
    def passes(self) -> ColumnElement[bool]:
        """For one row at a time: no index is used for what stands in a CASE."""
        return case((self.where if self.test is None else self.test, true()), else_=false())


@dataclass(frozen=True, eq=False)
class Search:
    """A condition that holds for the rows of any of its ranges.

    Where no order is asked for, those of the first range come first, each in the order that its index has.
    """

    ranges: tuple[Range, ...]

    @property
    def passes(self) -> ColumnElement[bool]:
        return or_(*(each.passes for each in self.ranges))


Condition = Range | Search


@dataclass(frozen=True)
class Order:
    """Ties are broken by the key of the rows. Without a value is before all values, on every database.

    A search whose order was not `asked` for lists what it finds in its own.
    """

    column: Column
    key: Column
    descending: bool = False
    nullable: bool = False
    asked: bool = True

    @property
    def is_unique(self) -> bool:
        return bool(self.column.unique or self.column.primary_key) and not self.nullable

    def keys(self) -> Select[Any]:
        """What to find rows by, and last their value. The key only where the value does not do, since not every index
        has it.
        """
        return select(self.column) if self.is_unique else select(self.key, self.column)

    def by(self, *columns: ColumnElement[Any] | Column) -> list[ColumnElement[Any]]:
        return [column.desc() if self.descending else column.asc() for column in columns]

    def along(self, rows: Select[Any], *columns: Column) -> Select[Any]:
        """Say the order as an index of these columns has it, of which the last is the order's: with one more,
        PostgreSQL may sort what is sorted.
        """
        return rows.order_by(*self.by(*columns, *(() if self.is_unique else (self.key,))))

    def before(self, value: object) -> ColumnElement[bool]:
        return self.column > value if self.descending else self.column < value


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that no other part has: of what a range finds, those that no earlier one finds and that pass the tests."""

    source: Range
    earlier: tuple[ColumnElement[bool], ...]
    tests: tuple[ColumnElement[bool], ...]
    order: Order

    @property
    def is_sorted(self) -> bool:
        return self.order.column in self.source.sorted_by[-1:]

    @property
    def passes(self) -> ColumnElement[bool]:
        """For one row at a time, whether or not another part has it."""
        return and_(self.source.passes, *self.tests)

    def of(self, rows: Select[Any]) -> Select[Any]:
        return rows.where(self.source.where, self.source.join, *self.earlier, *self.tests)

    def along(self, rows: Select[Any]) -> Select[Any]:
        """The same, in order; only for what is sorted."""
        return self.order.along(self.of(rows), *self.source.sorted_by)

    def alone(self, rows: Select[Any]) -> Select[Any]:
        """All that the range finds, in order, whatever earlier ones find too."""
        return replace(self, earlier=()).along(rows)


async def find(
    db: AsyncSession, rows: Select[Row], conditions: Sequence[Condition], order: Order, paging: Paging
) -> tuple[Sequence[Row], int]:
    """Return a page of rows, in order, and how many there are: exactly up to CAP, else any number above.

    Each row is one object. Of the conditions, one can be a search.
    """
    window = range(paging.offset, paging.end)
    if not conditions:
        count = (await db.scalars(select(count_up_to(pagination.CAP, select(order.key))))).one()
        return (await db.scalars(_walk(rows, order, window))).all(), count
    parts = _parts(conditions, await _narrowest(db, conditions, order), order)
    *counts, start = (await db.execute(_sizes_and_start(parts, window))).one()
    sizes = dict(zip(parts, counts, strict=True))
    found: list[Row] = []
    before = 0
    for its_order, its_parts in groupby(parts, lambda part: part.order):
        group = {part: sizes[part] for part in its_parts}
        size = sum(group.values())
        if its_window := range(max(window.start - before, 0), min(window.stop - before, size)):
            found += await db.scalars(_page(rows, group, start, its_order, its_window))
        before += size
    return found, before


def _reach() -> int:
    """How many rows, of those that are first in an order, can be on any page."""
    return pagination.CAP + pagination.MAX_LIMIT


async def _narrowest(db: AsyncSession, conditions: Sequence[Condition], order: Order) -> Condition:
    """Return the condition that alone has the fewest rows; of broad ones, the first."""
    if len(conditions) == 1:
        return conditions[0]
    counts = (_sizes(_parts([each], each, order)).subquery() for each in conditions)
    sizes = (await db.execute(select(*(select(_sum(count.c)).scalar_subquery() for count in counts)))).one()
    capped = [min(size, _reach() + 1) for size in sizes]
    return conditions[capped.index(min(capped))]


def _parts(conditions: Sequence[Condition], driver: Condition, order: Order) -> list[Part]:
    """Divide what is to be listed into what comes after each other, or is found by different indexes of the driver."""
    search = next((each for each in conditions if isinstance(each, Search)), None)
    listed = driver if order.asked or search is None else search
    others = [each.passes for each in conditions if each is not driver and each is not listed]
    own = listed is search and not order.asked
    return [
        Part(
            source=each if listed is driver else driver.ranges[0],
            earlier=(*each.remainder, *(not_(other.passes) for other in listed.ranges[:number])),
            tests=(*others, *(() if listed is driver else (each.passes,))),
            order=Order(each.sorted_by[-1], order.key) if own and each.sorted_by else order,
        )
        for number, each in enumerate(listed.ranges)
    ]


def _sizes(parts: Sequence[Part]) -> Select[*tuple[int, ...]]:
    """How many rows each part has; when there are more than any page reaches, the parts that follow are not counted.

    What is MATERIALIZED is counted once, however often it is compared.
    """
    first, *others = (_size(part, alone=len(parts) == 1) for part in parts)
    sizes: Select[*tuple[Any, ...]] = select(first)
    for size in others:
        before = sizes.cte().prefix_with("MATERIALIZED")
        sizes = select(*before.c, case((_sum(before.c) <= _reach(), size), else_=0))
    return sizes


def _sum(sizes: Iterable[ColumnElement[int]]) -> ColumnElement[int]:
    return reduce(operator.add, sizes)


def _size(part: Part, *, alone: bool) -> ScalarSelect[int]:
    """How many rows a part has, up to one more than any page reaches. The ORDER BY makes it read along the index, and
    no column is read but those that the index begins with: PostgreSQL then passes its entries on as they are.
    """
    found: Select[Any] = select(*(part.source.sorted_by or [literal_column("1")]))
    found = part.of(found) if part.tests else found.where(part.source.where, *part.earlier)
    found = found.order_by(*part.source.sorted_by)
    if alone and not part.tests:
        return select(count_up_to(_reach(), found)).scalar_subquery()
    counted = found.limit(_reach() + 1).subquery()  # unlike a filter, a search often finds nearly so many
    return select(func.count()).select_from(counted).scalar_subquery()


def _sizes_and_start(parts: Sequence[Part], window: range) -> Select[Any]:
    """How many rows each part has; and if there are more than any page reaches, where the order begins late."""
    sizes, start = _sizes(parts), _late_start(parts, window)
    if start is None:
        return sizes.add_columns(null())
    counted = sizes.cte().prefix_with("MATERIALIZED")
    return select(*counted.c, case((_sum(counted.c) > _reach(), start)))


def _late_start(parts: Sequence[Part], window: range) -> ScalarSelect[Any] | None:
    """Where the range that has the order begins late in it, a walk would pass over all that comes before: the value
    with which it begins, so that the other ranges find that. NULL where it begins soon, or does not fill the page.
    """
    lead = _lead(parts)
    if lead is None or lead.order.nullable or all(part.is_sorted for part in parts):
        return None
    values = lead.alone(select(lead.order.column)).limit(1)
    first = values.scalar_subquery()
    ahead = select(lead.order.column).where(lead.order.before(first)).order_by(lead.order.column)
    begins_late = and_(values.offset(window.stop - 1).exists(), ahead.offset(_reach()).limit(1).exists())
    return select(case((begins_late, first))).scalar_subquery()


def _lead(parts: Iterable[Part]) -> Part | None:
    return next((part for part in parts if part.is_sorted), None)


def _page(rows: Select[Row], sizes: Mapping[Part, int], start: object, order: Order, window: range) -> Select[Row]:
    """Put in order what parts have."""
    if sum(sizes.values()) > _reach() and not all(part.is_sorted for part in sizes):
        if start is None:
            return _walk(rows, order, window, or_(*(part.passes for part in sizes)))
        return _in_order(rows, _begun_late([*sizes], order, start, window), order, window)
    found = [part for part, size in sizes.items() if size]
    if len(found) == 1 and found[0].is_sorted:
        return _cut(rows, found[0].along, order, window)
    return _in_order(rows, (_found(part, sizes[part], order, window) for part in found), order, window)


def _found(part: Part, size: int, order: Order, window: range) -> Select[Any]:
    """Find first, and sort after: by a LIMIT that cuts nothing off, since no database looks behind one."""
    if part.is_sorted:
        return part.along(order.keys()).limit(min(size, window.stop))
    return part.of(order.keys()).limit(size)


def _begun_late(parts: Sequence[Part], order: Order, start: object, window: range) -> Iterator[Select[Any]]:
    """What the range that has the order has for the page, and what the others have before that."""
    lead = _lead(parts)
    for part in parts:
        if part is lead:
            yield part.alone(order.keys()).limit(window.stop)
        else:  # behind an OFFSET no database looks: the order is not to choose the index
            yield part.of(order.keys()).where(order.before(start)).offset(0)


def _walk(rows: Select[Row], order: Order, window: range, *passes: ColumnElement[bool]) -> Select[Row]:
    """Read along an index.

    PostgreSQL's has all that is NULL at its end, so where there may be some, two parts of it are read, each as far as
    the page reaches.
    """
    if not order.nullable:
        return _cut(rows, lambda rows: order.along(rows.where(*passes), order.column), order, window)
    has_value = order.column.is_not(None)
    keys = order.keys().where(*passes)
    found = (order.along(keys.where(part), order.column).limit(window.stop) for part in (has_value, ~has_value))
    return _in_order(rows, found, order, window)


def _cut(rows: Select[Row], along: Callable[[Select[Any]], Select[Any]], order: Order, window: range) -> Select[Row]:
    """What is passed over is read from an index only, where that has what is read."""
    if not window.start:
        return along(rows).limit(len(window))
    return _by_keys(rows, along(order.keys()).limit(len(window)).offset(window.start), order)


def _in_order(rows: Select[Row], found: Iterable[Select[Any]], order: Order, window: range) -> Select[Row]:
    """Of what queries have found, which have the columns of `Order.keys`."""
    union = union_all(*(select(each.subquery()) for each in found)).subquery()
    page = select(union).order_by(*_sorted_by(union, order)).limit(len(window)).offset(window.start)
    return _by_keys(rows, page, order)


def _by_keys(rows: Select[Row], page: Select[Any], order: Order) -> Select[Row]:
    (key, *_), keys = order.keys().selected_columns, page.subquery()
    return rows.where(key == keys.c[0]).order_by(*_sorted_by(keys, order))


def _sorted_by(keys: Subquery, order: Order) -> list[ColumnElement[Any]]:
    columns = list(keys.c)
    key, value = columns[0], columns[-1]
    return order.by(value.is_not(None), value, key) if order.nullable else order.by(value, key)
