import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group
from app.core import pagination
from app.core.pagination import Page, Paging, capped_count, paginate

BY_NAME: Select[Group] = select(Group).order_by(Group.name)


class Named(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str


@pytest.fixture(autouse=True)
async def groups(db: AsyncSession) -> None:
    db.add_all(Group(name=name) for name in "edcba")
    await db.commit()


async def test_a_page_is_a_part_of_the_list_and_knows_how_long_that_is(db: AsyncSession) -> None:
    paging = Paging(limit=2, offset=1)

    found, count = await paginate(db, BY_NAME, paging)

    assert Page[Named].of(found, count, paging).model_dump() == {
        "items": [{"name": "b"}, {"name": "c"}],
        "total": 5,
        "total_is_capped": False,
        "limit": 2,
        "offset": 1,
    }


@pytest.mark.parametrize(
    ("cap", "counted", "total", "is_capped"), [(6, 5, 5, False), (5, 5, 5, False), (4, 5, 4, True), (1, 2, 1, True)]
)
async def test_counting_stops_at_one_more_than_the_cap(
    db: AsyncSession, monkeypatch: pytest.MonkeyPatch, cap: int, counted: int, total: int, is_capped: bool
) -> None:
    monkeypatch.setattr(pagination, "CAP", cap)

    count = await capped_count(db, BY_NAME)

    page = Page[Named].of([], count, Paging())
    assert (count, page.total, page.total_is_capped) == (counted, total, is_capped)


async def test_what_a_condition_leaves_is_counted(db: AsyncSession) -> None:
    assert await capped_count(db, BY_NAME.where(Group.name > "c")) == 2
    assert await capped_count(db, BY_NAME.where(Group.name > "z")) == 0
