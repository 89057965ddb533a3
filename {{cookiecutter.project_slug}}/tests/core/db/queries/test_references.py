from uuid import UUID

import pytest
from fastapi.exceptions import RequestValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import Group
from app.core.db import find_referred
from tests.accounts.factories import GroupFactory

UNKNOWN = UUID(int=0)


async def test_it_finds_the_rows_that_exist(db: AsyncSession) -> None:
    one, other = GroupFactory.build(), GroupFactory.build()
    db.add_all([one, other])
    await db.commit()

    found = await find_referred(db, "groups", select(Group), [one.id, None, other.id, one.id])

    assert {group.id for group in found} == {one.id, other.id}
    assert await find_referred(db, "groups", select(Group), [None]) == []


async def test_a_row_that_is_not_there_is_a_fault_of_the_body(db: AsyncSession) -> None:
    group = GroupFactory.build()
    db.add(group)
    await db.commit()

    with pytest.raises(RequestValidationError) as refused:
        await find_referred(db, "group_id", select(Group).where(Group.name == "another"), [group.id, UNKNOWN])

    message = f"Unknown: {', '.join(sorted([str(group.id), str(UNKNOWN)]))}"
    assert refused.value.errors() == [{"type": "unknown", "loc": ("body", "group_id"), "msg": message}]
