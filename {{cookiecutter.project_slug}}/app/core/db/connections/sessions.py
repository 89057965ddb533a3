"""The session that a request works with."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db.connections.engine import Database


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Yield a session; what is not committed when the route returns is rolled back."""
    database: Database = connection.app.state.database
    async with database.session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_session)]
