"""What the routes ask the database."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import AuthenticatedUser
from app.core.db import upsert
from app.profiles.models import Follow


async def followed_by(db: AsyncSession, reader: AuthenticatedUser | None, users: Collection[UUID]) -> set[UUID]:
    """Return which of these users the reader follows, with one query."""
    if reader is None:
        return set()
    query = select(Follow.followed_id).where(Follow.follower_id == reader.id, Follow.followed_id.in_(users))
    return set(await db.scalars(query))


async def follow(db: AsyncSession, follower_id: UUID, followed_id: UUID) -> None:
    """To follow somebody twice is no error."""
    values = {"follower_id": follower_id, "followed_id": followed_id}
    await upsert(db, Follow, [values], key=[Follow.follower_id, Follow.followed_id])
    await db.commit()


async def unfollow(db: AsyncSession, follower_id: UUID, followed_id: UUID) -> None:
    await db.execute(delete(Follow).where(Follow.follower_id == follower_id, Follow.followed_id == followed_id))
    await db.commit()
