import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Select, bindparam, func, literal_column, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.db.connections.drivers import POOL_SIZE
from app.core.db.connections.engine import Database

by_id: Select[UUID, str, bool, object, object] = select(
    User.id, User.username, User.is_staff, User.date_joined, User.last_login
).where(User.id == bindparam("id"))


@pytest.fixture
def server(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has no server")
    return database


async def test_a_row_is_as_a_session_reads_it(database: Database, db: AsyncSession, user: User) -> None:
    row = await database.fetch_one(by_id, {"id": user.id})

    assert row == (await db.execute(by_id, {"id": user.id})).mappings().one()
    assert row == {
        "id": user.id,
        "username": "alice",
        "is_staff": False,
        "date_joined": user.date_joined,
        "last_login": None,
    }


async def test_what_is_not_there_is_none(database: Database) -> None:
    assert await database.fetch_one(by_id, {"id": uuid4()}) is None


async def test_values_can_stand_in_the_query_itself(database: Database, user: User) -> None:
    query = select(User.id).where(User.username == "alice", User.id == bindparam("id"))

    row = await database.fetch_one(query, {"id": user.id})
    assert row
    assert dict(row) == {"id": user.id}


async def test_an_error_is_sqlalchemys(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.fetch_one(select(literal_column("nonsense")), {})


async def test_a_restart_of_the_server_between_two_reads_is_not_noticed(server: Database, user: User) -> None:
    await asyncio.gather(*(server.fetch_one(by_id, {"id": user.id}) for _ in range(5)))
    async with server.session() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        await session.execute(text(f"{others} AND datname = current_database()"))

    rows = await asyncio.gather(*(server.fetch_one(by_id, {"id": user.id}) for _ in range(5)))

    assert [row and row["username"] for row in rows] == ["alice"] * 5


async def test_a_read_that_is_given_up_leaves_no_connection_behind(server: Database, user: User) -> None:
    for _ in range(POOL_SIZE + 1):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.fetch_one(select(func.pg_sleep(60)), {}), 0.1)

    assert await server.fetch_one(by_id, {"id": user.id})
