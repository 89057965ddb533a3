"""Slugs: names for addresses, made from titles."""

import re
import secrets
import unicodedata
from collections.abc import Container

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

MAX_SLUG = 100  # characters, as in `Slug`
SUFFIX_BYTES = 4  # one of four billion
ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")
KEPT = "LMN"  # Unicode's categories of letters, of marks that belong to letters, and of numbers


def slugify(text: str, max_length: int = MAX_SLUG) -> str:
    """Return the words of a text, joined by hyphens. It is empty if the text has no letters and no digits.

    Latin letters lose their accents; letters of other scripts stay: `Crème brûlée!` is `creme-brulee`, and `Как дела?`
    is `как-дела`. Browsers show both in an address.
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFC", ACCENTS.sub("", decomposed))
    words = "".join(each if unicodedata.category(each)[0] in KEPT else " " for each in plain).split()
    return "-".join(words)[:max_length].rstrip("-")


async def unique_slug(
    db: AsyncSession, column: InstrumentedAttribute[str], text: str, *, reserved: Container[str] = ()
) -> str:
    """Return the slug of a text. If another row has it, or it is reserved, or empty, it gets a random end.

    post.slug = await unique_slug(db, Post.slug, post.title, reserved={"new"})

    The column should be unique: if another request takes the slug before the commit, the answer is then 409.
    """
    max_length = getattr(column.type, "length", None) or MAX_SLUG
    slug = slugify(text, max_length)
    if slug and slug not in reserved and not await db.scalar(select(exists().where(column == slug))):
        return slug
    suffix = secrets.token_hex(SUFFIX_BYTES)
    return "-".join(filter(None, [slug[: max_length - len(suffix) - 1].rstrip("-"), suffix]))
