"""Pages of a list: what a list route takes, and what it gives.

@router.get("/posts")
async def list_posts(paging: PageQuery, db: Db) -> Page[PostRead]:
    posts, count = await paginate(db, select(Post).order_by(Post.published_at, Post.id), paging)
    return Page[PostRead].of(posts, count, paging)

Where there may be millions, and they are searched, `app.core.search` finds the page.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

Item = TypeVar("Item")
Row = TypeVar("Row")

CAP = 10_000  # rows: to count a million takes longer than to read a page of them
MAX_LIMIT = 100


class Paging(BaseModel):
    """The part of the query that says which page. A route that also has filters makes a model of both, based on this:
    FastAPI takes one model for a query.
    """

    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="How many, at most.")
    offset: int = Field(
        0,
        ge=0,
        le=CAP,
        description="How many to pass over. For what lies further on, search, filter, or sort in another order.",
    )

    @property
    def end(self) -> int:
        return self.offset + self.limit


PageQuery = Annotated[Paging, Query()]


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int = Field(description=f"How many there are on all pages, counted up to {CAP}.")
    total_is_capped: bool = Field(description="Whether there are more than `total`.")
    limit: int
    offset: int

    @classmethod
    def of(cls, items: Sequence[object], count: int, paging: Paging) -> Self:
        """Take rows as they come, where `Item` reads attributes, and a count that went no further than it had to."""
        return cls.model_validate(
            {
                "items": items,
                "total": min(count, CAP),
                "total_is_capped": count > CAP,
                "limit": paging.limit,
                "offset": paging.offset,
            }
        )


async def paginate(db: AsyncSession, query: Select[Row], paging: Paging) -> tuple[Sequence[Row], int]:
    """Return a page of what an ordered query finds, and the count, as `capped_count` does."""
    rows = await db.scalars(query.limit(paging.limit).offset(paging.offset))
    return rows.all(), await capped_count(db, query)


async def capped_count(db: AsyncSession, query: Select[Any]) -> int:
    """Count what a query finds, and stop at one more than CAP."""
    ones: Select[int] = query.with_only_columns(literal_column("1"), maintain_column_froms=True).order_by(None)
    return await db.scalar(select(count_up_to(CAP, ones))) or 0


def count_up_to(most: int, found: Select[Any]) -> ColumnElement[int]:
    """How many rows there are, or one more than `most`: to pass over rows takes less than to count them."""
    exceeds = found.offset(most).limit(1).exists()
    count = select(func.count()).select_from(found.limit(most).subquery()).scalar_subquery()
    return case((exceeds, most + 1), else_=count)
