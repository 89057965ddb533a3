from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.errors import LastSuperuser
from app.accounts.models import Permission, User
from app.core.permissions import permission


@asynccontextmanager
async def a_superuser_stays(db: AsyncSession, user: User) -> AsyncIterator[None]:
    """Use it around changes that may take away the rights of a superuser. If no superuser is left, it undoes the change
    and raises LastSuperuser.
    """
    if not user.is_superuser:
        yield
        return
    await _take_turns(db)
    yield
    await db.flush()
    if not await db.scalar(select(exists().where(User.is_superuser, User.disabled.is_(False)))):
        await db.rollback()
        raise LastSuperuser


async def _take_turns(db: AsyncSession) -> None:
    """Lock one row that all requests lock here. Otherwise two superusers could remove each other at the same time."""
    always_there = update(Permission).where(Permission.name == permission("change", User))
    await db.execute(always_there.values(name=Permission.name))
