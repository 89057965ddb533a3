import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.search import begins_with

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
