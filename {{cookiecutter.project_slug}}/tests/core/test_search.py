import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.accounts.models import User
from app.core.pagination import Paging
from app.core.search import Order, begins_with, find

LAST = "\U0010ffff"
# Around each edge of what a character can be: of ASCII, of 16 bits, of the surrogates that no text has, and the last.
EDGES = "".join(("a", "\x7f", "\x80", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010fffe", LAST))
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

    for prefix in ("", *TEXTS, LAST * 3):
        found = await db.scalars(select(column).where(begins_with(column, prefix)).order_by(column))
        assert found.all() == [text for text in TEXTS if text.startswith(prefix)]


class Base(DeclarativeBase):
    """Not the app's, which `migrate` knows."""


class Ticket(Base):
    __tablename__ = "ticket"
    __table_args__ = {"prefixes": ["TEMPORARY"]}  # noqa: RUF012 (SQLAlchemy's own form)

    seat: Mapped[str | None] = mapped_column(unique=True)
    number: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_have_each_row_once_where_many_lack_a_value_that_is_unique(
    db: AsyncSession, *, descending: bool
) -> None:
    await (await db.connection()).run_sync(Base.metadata.create_all)
    tickets = [{"number": n, "seat": f"seat {n}" if n % 3 == 0 else None} for n in range(9)]
    await db.execute(insert(Base.metadata.tables["ticket"]), tickets)
    order = Order(Ticket.seat, Ticket.number, descending, nullable=True)

    pages = [await find(db, select(Ticket), [], order, Paging(limit=2, offset=offset)) for offset in range(0, 10, 2)]

    numbers = [1, 2, 4, 5, 7, 8, 0, 3, 6]
    assert [ticket.number for page, _ in pages for ticket in page] == numbers[:: -1 if descending else 1]
    assert {count for _, count in pages} == {9}
