"""Paging: the query parameters and the answer of a list route.

@router.get("/posts")
async def list_posts(paging: PageQuery, db: Db) -> Page[PostRead]:
    posts, count = await paginate(db, select(Post).order_by(Post.title, Post.id), paging)
    return Page[PostRead].of(posts, count, paging)

The total is counted up to COUNT_CAP. For the exact total, which takes longer, pass `exact=True` to `paginate` and to
`Page.of`.

A feed has no total and no offset. Each page begins after the end of the one before, and all are equally quick:

@router.get("/feed")
async def feed(paging: CursorQuery, db: Db) -> CursorPage[PostRead]:
    posts, cursor = await paginate_by_cursor(db, select(Post), [Post.created_at, Post.id], paging, descending=True)
    return CursorPage[PostRead].of(posts, cursor)

A list is quick if an index has the columns that it is sorted by. `app.core.db.queries.searches` searches a list.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core.db.values import Text

Item = TypeVar("Item")
Row = TypeVar("Row")

COUNT_CAP = 10_000  # rows: counting a million takes longer than reading a page
MAX_LIMIT = 100

# The valid values in a cursor, by the type of the column. A client can send anything.
CURSOR_VALUES: dict[type, Any] = {
    datetime: Annotated[AwareDatetime, AfterValidator(lambda value: value.astimezone(UTC))],
    int: Annotated[int, Field(ge=-(2**63), lt=2**63)],
    str: Text,
}


class Limit(BaseModel):
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="How many items to return, at most.")


class Paging(Limit):
    """The query parameters for paging. FastAPI accepts only one model for a query: for filters, derive a model from
    this one.
    """

    offset: int = Field(
        0,
        ge=0,
        le=COUNT_CAP,
        description="How many items to skip. To reach items further on, search, filter or sort in another order.",
    )

    @property
    def end(self) -> int:
        return self.offset + self.limit


PageQuery = Annotated[Paging, Query()]


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int = Field(description=f"The number of items on all pages together, counted up to {COUNT_CAP}.")
    total_is_capped: bool = Field(description="Whether there may be more than `total`.")
    limit: int
    offset: int

    @classmethod
    def of(cls, items: Sequence[object], count: int, paging: Paging, *, exact: bool = False) -> Self:
        """Take the rows and the count of `paginate`. `Item` must read from attributes."""
        return cls.model_validate(
            {
                "items": items,
                "total": count if exact else min(count, COUNT_CAP),
                "total_is_capped": count > COUNT_CAP and not exact,
                "limit": paging.limit,
                "offset": paging.offset,
            }
        )


class CursorPaging(Limit):
    cursor: str | None = Field(None, description="The `next_cursor` of the page before. Omit it for the first page.")


CursorQuery = Annotated[CursorPaging, Query()]


class CursorPage(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one.")

    @classmethod
    def of(cls, items: Sequence[object], next_cursor: str | None) -> Self:
        return cls.model_validate({"items": items, "next_cursor": next_cursor})


async def paginate(
    db: AsyncSession, query: Select[Row], paging: Paging, *, exact: bool = False
) -> tuple[Sequence[Row], int]:
    """Return a page of the ordered query, and the count of its rows: exact, or at most COUNT_CAP + 1."""
    rows = await db.scalars(query.limit(paging.limit).offset(paging.offset))
    return rows.all(), await (exact_count if exact else capped_count)(db, query)


async def exact_count(db: AsyncSession, query: Select[Any]) -> int:
    return await db.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


async def capped_count(db: AsyncSession, query: Select[Any]) -> int:
    """Count the rows of a query, and stop at COUNT_CAP + 1."""
    return await exact_count(db, query.limit(COUNT_CAP + 1))


async def paginate_by_cursor(
    db: AsyncSession,
    query: Select[Row],
    columns: Sequence[InstrumentedAttribute[Any]],
    paging: CursorPaging,
    *,
    descending: bool = False,
) -> tuple[Sequence[Row], str | None]:
    """Return a page of models, sorted by the columns, and the cursor of the next page.

    The columns must not be null, and together they must be unique. Raises RequestValidationError.
    """
    if paging.cursor is not None:
        key = tuple_(*columns)
        place = tuple_(*_place(paging.cursor, columns), types=[column.type for column in columns])
        query = query.where(key < place if descending else key > place)
    query = query.order_by(*(column.desc() if descending else column.asc() for column in columns))
    rows = (await db.scalars(query.limit(paging.limit + 1))).all()
    page = rows[: paging.limit]
    return page, _cursor(page[-1], columns) if len(rows) > paging.limit else None


def _cursor(row: object, columns: Sequence[InstrumentedAttribute[Any]]) -> str:
    return urlsafe_b64encode(to_json([getattr(row, column.key) for column in columns])).decode()


def _place(cursor: str, columns: Sequence[InstrumentedAttribute[Any]]) -> tuple[Any, ...]:
    types = [CURSOR_VALUES.get(column.type.python_type, column.type.python_type) for column in columns]
    values: TypeAdapter[tuple[Any, ...]] = TypeAdapter(tuple[*types])  # type: ignore[valid-type]  # known at run time
    try:
        return values.validate_json(urlsafe_b64decode(cursor))
    except (ValueError, OverflowError):
        message = "Input should be the next_cursor of a page of this list"
        raise RequestValidationError([{"type": "cursor", "loc": ("query", "cursor"), "msg": message}]) from None
