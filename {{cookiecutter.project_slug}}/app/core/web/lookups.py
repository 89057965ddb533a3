"""One row, or 404."""

from typing import TypeVar

from fastapi import HTTPException, status
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

Row = TypeVar("Row")


async def get_or_404(db: AsyncSession, rows: type[Row] | Select[Row], *conditions: ColumnElement[bool]) -> Row:
    """Return the one row of a model or a query for which the conditions are true. Without one, the answer is 404.

    post = await get_or_404(db, Post, Post.id == post_id)
    own = await get_or_404(db, Post, Post.id == post_id, Post.owner_id == user.id)  # a row of others is 404, too
    full = await get_or_404(db, select(Post).options(selectinload(Post.tags)), Post.slug == slug)

    Conditions that are true for several rows are a bug: raises MultipleResultsFound.
    """
    query = rows if isinstance(rows, Select) else select(rows)
    found = (await db.scalars(query.where(*conditions))).one_or_none()
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return found
