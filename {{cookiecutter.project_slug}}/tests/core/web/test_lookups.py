from uuid import UUID

import pytest
from fastapi import APIRouter
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.exc import MultipleResultsFound
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts import Group
from app.core.db import Db
from app.core.web import get_or_404, public
from tests.accounts.factories import GroupFactory
from tests.conftest import ClientWith, Serve


@pytest.fixture
async def group(db: AsyncSession) -> Group:
    group = GroupFactory.build(permissions=[])
    db.add(group)
    await db.commit()
    return group


@pytest.fixture
async def probe(client_with: ClientWith, serve: Serve) -> AsyncClient:
    router = APIRouter()

    @router.get("/named/{group_id}")
    @public
    async def named(group_id: UUID, name: str, db: Db) -> str:
        return (await get_or_404(db, Group, Group.id == group_id, Group.name == name)).name

    serve(router)
    return await client_with()


async def test_it_finds_the_row_for_which_all_conditions_are_true(probe: AsyncClient, group: Group) -> None:
    found = await probe.get(f"/named/{group.id}", params={"name": group.name})

    assert (found.status_code, found.json()) == (200, group.name)


@pytest.mark.parametrize(("key", "name"), [(None, "another"), (UUID(int=0), None)])
async def test_any_other_row_is_404(probe: AsyncClient, group: Group, key: UUID | None, name: str | None) -> None:
    missing = await probe.get(f"/named/{key or group.id}", params={"name": name or group.name})

    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})


async def test_a_query_says_what_to_load(db: AsyncSession, group: Group) -> None:
    db.expunge_all()

    found = await get_or_404(db, select(Group).options(selectinload(Group.permissions)), Group.id == group.id)

    assert found.permissions == []


async def test_conditions_that_fit_several_rows_are_a_bug(db: AsyncSession, group: Group) -> None:
    db.add(GroupFactory.build())
    await db.commit()

    with pytest.raises(MultipleResultsFound):
        await get_or_404(db, Group)
