"""INSERT … ON CONFLICT: add rows, or change those that are there, in one statement."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core.db.base import Base

Model = TypeVar("Model", bound=Base)

INSERTS: dict[str, Callable[[type[Base]], postgresql.Insert | sqlite.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


async def upsert(
    db: AsyncSession,
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[InstrumentedAttribute[Any]],
) -> list[Model]:
    """Add the rows, or change those that have the same key. Return them all, in any order. The caller must commit.

    tags = await upsert(db, Tag, [{"name": name} for name in sorted(names)], key=[Tag.name])
    await upsert(db, Vote, [{"post_id": post.id, "user_id": user.id, "stars": 5}], key=[Vote.post_id, Vote.user_id])

    The key needs a unique constraint or index. All rows have values for the same columns, and no two have the same
    key. If a list is long, sort it: two requests that lock the same rows in another order would stop each other.

    The values go to the database as they are. A new row has the defaults of its columns. SQLAlchemy calls neither
    `onupdate` nor `@validates`, and a row that is there keeps the columns that `rows` does not name.
    """
    if not rows:
        return []
    insert = INSERTS[db.get_bind().dialect.name](model).values([dict(row) for row in rows])
    # Without other values, set the key again: RETURNING leaves out a row that is not changed.
    changed = rows[0].keys() - {column.key for column in key} or rows[0].keys()
    statement = insert.on_conflict_do_update(
        index_elements=[column.key for column in key], set_={name: insert.excluded[name] for name in sorted(changed)}
    )
    found = await db.scalars(statement.returning(model), execution_options={"populate_existing": True})
    return list(found)
