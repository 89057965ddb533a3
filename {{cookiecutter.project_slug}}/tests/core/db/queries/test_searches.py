import pytest
from sqlalchemy import String, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.accounts.models import Group, User
from app.core.db.queries import pagination
from app.core.db.queries.pagination import Paging, paginate
from app.core.db.queries.searches import begins_with, keys_by_prefix, ordered_by, search

# Characters around each limit: of ASCII, of 16 bits, of the surrogates (which text does not have), and of all.
EDGES = "".join(("a", "\x7f", "\x80", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010fffe"))
TEXTS = sorted({first + second for first in EDGES for second in ("", *EDGES)})


@pytest.fixture
async def texts(db: AsyncSession) -> None:
    users = [
        User(username=str(number), email=f"{number}@example.com", full_name_folded=text, hashed_password="!")
        for number, text in enumerate(TEXTS)
    ]
    db.add_all(users)
    await db.commit()


@pytest.mark.usefixtures("texts")
async def test_a_range_finds_all_that_begins_with_a_prefix_and_nothing_else(db: AsyncSession) -> None:
    column = User.full_name_folded

    for prefix in ("", *TEXTS, "\U0010ffff"):
        found = await db.scalars(select(column).where(begins_with(column, prefix)).order_by(column))
        assert found.all() == [text for text in TEXTS if text.startswith(prefix)]


async def test_other_text_is_found_in_any_case(db: AsyncSession) -> None:
    db.add_all(Group(name=name) for name in ("Editors", "editors of %", "%editors"))
    await db.commit()

    for prefix, names in {"ED": ["Editors", "editors of %"], "%": ["%editors"], "editors_": []}.items():
        assert sorted(await db.scalars(select(Group.name).where(begins_with(Group.name, prefix)))) == names


class Base(DeclarativeBase):
    """Not the base of the app: `migrate` would know the model."""


class Ticket(Base):
    """Its key has two columns."""

    __tablename__ = "ticket"
    __table_args__ = {"prefixes": ["TEMPORARY"]}  # noqa: RUF012 (SQLAlchemy's own form)

    number: Mapped[int] = mapped_column(primary_key=True)
    show: Mapped[str] = mapped_column(String(20), primary_key=True)
    seat: Mapped[str | None] = mapped_column(String(20))


KEY = [Ticket.number, Ticket.show]


@pytest.fixture
async def tickets(db: AsyncSession) -> None:
    await (await db.connection()).run_sync(Base.metadata.create_all)
    rows = [{"number": n, "show": "opera", "seat": f"seat {n}" if n % 3 == 0 else None} for n in range(9)]
    await db.execute(insert(Base.metadata.tables["ticket"]), rows)


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize("descending", [False, True])
async def test_rows_without_a_value_come_first_and_each_is_on_one_page(db: AsyncSession, *, descending: bool) -> None:
    rows = select(Ticket).order_by(*ordered_by(Ticket.seat, KEY, descending=descending))

    pages = [await paginate(db, rows, Paging(limit=2, offset=offset)) for offset in range(0, 10, 2)]

    numbers = [1, 2, 4, 5, 7, 8, 0, 3, 6]
    assert [ticket.number for page, _ in pages for ticket in page] == numbers[:: -1 if descending else 1]
    assert {count for _, count in pages} == {9}


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize(("cap", "numbers", "count"), [(3, [0, 3, 6], 3), (2, [0, 3], 2), (1, [0, 3], 2)])
async def test_a_key_of_several_columns_is_searched(
    db: AsyncSession, monkeypatch: pytest.MonkeyPatch, cap: int, numbers: list[int], count: int
) -> None:
    monkeypatch.setattr(pagination, "COUNT_CAP", cap)
    rows = select(Ticket).where(Ticket.number.in_([0, 3, 6][: 2 if cap == 2 else 3])).order_by(Ticket.number)

    found = await search(db, rows, [keys_by_prefix(KEY, Ticket.seat, "SEAT")], Paging())

    assert ([ticket.number for ticket in found[0]], found[1]) == (numbers, count)
