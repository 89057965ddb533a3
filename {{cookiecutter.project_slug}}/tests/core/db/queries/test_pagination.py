from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.accounts.models import Group, User
from app.core.db.queries import pagination
from app.core.db.queries.pagination import (
    CursorPage,
    CursorPaging,
    Page,
    Paging,
    capped_count,
    exact_count,
    paginate,
    paginate_by_cursor,
)

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
    monkeypatch.setattr(pagination, "COUNT_CAP", cap)

    count = await capped_count(db, BY_NAME)

    page = Page[Named].of([], count, Paging())
    assert (count, page.total, page.total_is_capped) == (counted, total, is_capped)


async def test_what_a_condition_leaves_is_counted(db: AsyncSession) -> None:
    assert await capped_count(db, BY_NAME.where(Group.name > "c")) == 2
    assert await capped_count(db, BY_NAME.where(Group.name > "z")) == 0


async def test_rows_that_are_the_same_are_counted_once_where_each_is_listed_once(db: AsyncSession) -> None:
    twice = select(func.length(Group.name)).distinct()

    assert await capped_count(db, twice) == await exact_count(db, twice) == 1


async def test_an_exact_total_goes_beyond_the_cap(db: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "COUNT_CAP", 2)
    paging = Paging(limit=1)

    found, count = await paginate(db, BY_NAME, paging, exact=True)

    page = Page[Named].of(found, count, paging, exact=True)
    assert (page.total, page.total_is_capped, [item.name for item in page.items]) == (5, False, ["a"])


@pytest.fixture
async def users(db: AsyncSession) -> list[User]:
    """Five users. Every two of them joined at the same time."""
    users = [
        User(
            username=f"u{number}",
            email=f"{number}@example.com",
            hashed_password="!",
            date_joined=datetime(2024, 1, 1, number // 2, tzinfo=UTC),
        )
        for number in range(5)
    ]
    db.add_all(users)
    await db.commit()
    return users


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("columns", [[User.username_folded], [User.date_joined, User.id]])
async def test_cursors_lead_through_the_whole_list(
    db: AsyncSession, users: list[User], columns: list[Any], *, descending: bool
) -> None:
    names: list[str] = []
    cursor: str | None = None

    for size in (2, 2, 1):
        paging = CursorPaging(limit=2, cursor=cursor)
        found, cursor = await paginate_by_cursor(db, select(User), columns, paging, descending=descending)
        assert len(found) == size
        names += [user.username for user in found]

    users.sort(key=attrgetter(*(column.key for column in columns)), reverse=descending)
    assert (names, cursor) == ([user.username for user in users], None)


async def test_a_cursor_outlives_its_row(db: AsyncSession, users: list[User]) -> None:
    columns = [User.username_folded]
    _, cursor = await paginate_by_cursor(db, select(User), columns, CursorPaging(limit=2))
    await db.delete(users[1])
    await db.commit()

    found, cursor = await paginate_by_cursor(db, select(User), columns, CursorPaging(limit=3, cursor=cursor))

    assert ([user.username for user in found], cursor) == (["u2", "u3", "u4"], None)


async def test_a_page_knows_the_cursor_of_the_next(db: AsyncSession) -> None:
    found, cursor = await paginate_by_cursor(db, select(Group), [Group.name], CursorPaging(limit=1))

    page = CursorPage[Named].of(found, cursor)

    assert page.model_dump() == {"items": [{"name": "a"}], "next_cursor": cursor}
    assert cursor is not None


@pytest.mark.parametrize(
    "values",
    [
        "",
        "x",
        "[]",
        '["2024-01-01T00:00Z"]',
        '["2024-01-01T00:00Z", "a", 1]',
        '["2024-01-01T00:00Z", null]',
        '["2024-01-01T00:00", "a"]',
        '["0001-01-01T00:00+14:00", "a"]',
        '["2024-01-01T00:00Z", "\\u0000"]',
        '["2024-01-01T00:00Z", "\\ud800"]',
    ],
)
async def test_a_cursor_of_no_page_is_refused(db: AsyncSession, values: str) -> None:
    for cursor in (values, urlsafe_b64encode(values.encode()).decode()):
        with pytest.raises(RequestValidationError) as refused:
            await paginate_by_cursor(db, select(User), [User.date_joined, User.username], CursorPaging(cursor=cursor))
        assert [error["loc"] for error in refused.value.errors()] == [("query", "cursor")]


class Numbered(DeclarativeBase):
    """Not the base of the app: `migrate` would know the model."""


class Line(Numbered):
    __tablename__ = "line"

    number: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 1.5])
async def test_a_number_that_no_column_holds_is_refused(db: AsyncSession, number: float) -> None:
    cursor = urlsafe_b64encode(f"[{number}]".encode()).decode()

    with pytest.raises(RequestValidationError):
        await paginate_by_cursor(db, select(Line), [Line.number], CursorPaging(cursor=cursor))
