"""Rows that the body of a request names by their keys."""

from collections.abc import Collection
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

Row = TypeVar("Row")


async def find_referred(db: AsyncSession, field: str, rows: Select[Row], keys: Collection[Any | None]) -> list[Row]:
    """Return the rows with these keys, in any order. The model's key is `id`. A key may be None: it names no row.

    await find_referred(db, "author_id", select(User), [new.author_id])

    Raises RequestValidationError for `field` of the body (422) if `rows` does not have one of them.
    """
    wanted = set(keys) - {None}
    model: Any = rows.column_descriptions[0]["entity"]
    found: list[Any] = list(await db.scalars(rows.where(model.id.in_(wanted))))
    if missing := wanted - {row.id for row in found}:
        message = f"Unknown: {', '.join(sorted(map(str, missing)))}"
        raise RequestValidationError([{"type": "unknown", "loc": ("body", field), "msg": message}])
    return found
