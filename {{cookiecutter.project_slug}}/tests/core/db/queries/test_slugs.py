import re

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import Group
from app.core.db import slugify, unique_slug
from tests.accounts.factories import GroupFactory


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("A new beginning", "a-new-beginning"),
        ("  Crème brûlée -- à la carte!  ", "creme-brulee-a-la-carte"),
        ("Straße № 5_b", "strasse-no-5-b"),
        ("Как дела, Йода?", "как-дела-йода"),
        ("日本語 の 本", "日本語-の-本"),
        ("हिन्दी", "हिन्दी"),
        ("ﬁne ①", "fine-1"),
        ("¿?!", ""),
        ("nul\0 ../etc %2e", "nul-etc-2e"),
    ],
)
def test_a_slug_has_the_words_of_the_text(text: str, slug: str) -> None:
    assert slugify(text) == slug


def test_it_has_a_length_and_no_hyphen_at_its_end() -> None:
    assert len(slugify("a" * 101)) == 100
    assert slugify("once upon a time", max_length=5) == "once"


async def test_a_taken_slug_gets_a_random_end(db: AsyncSession) -> None:
    first = await unique_slug(db, Group.name, "My book")
    db.add(GroupFactory.build(name=first))

    others = [await unique_slug(db, Group.name, title) for title in ("My book", "my, book!")]

    assert first == "my-book"
    assert all(re.fullmatch("my-book-[0-9a-f]{8}", other) for other in others)
    assert len({first, *others}) == 3


async def test_so_does_a_reserved_one_and_an_empty_one(db: AsyncSession) -> None:
    assert re.fullmatch("new-[0-9a-f]{8}", await unique_slug(db, Group.name, "New", reserved={"new"}))
    assert re.fullmatch("[0-9a-f]{8}", await unique_slug(db, Group.name, "¿?"))


async def test_it_fits_the_column(db: AsyncSession) -> None:
    long = "a" * 150
    assert await unique_slug(db, Group.name, long) == long
    db.add(GroupFactory.build(name=long))

    assert len(await unique_slug(db, Group.name, long)) == 150
