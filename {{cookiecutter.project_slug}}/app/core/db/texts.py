"""Types of text that both databases can store."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def is_text(value: object) -> bool:
    """False for text that cannot be stored: with NUL (in PostgreSQL), or with lone surrogates, which JSON allows."""
    return isinstance(value, str) and not any(unicodedata.category(each) == "Cs" or each == "\0" for each in value)


def _refuse_nul(text: str) -> str:
    if not is_text(text):
        raise ValueError("must not have NUL characters or halves of characters")
    return text


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must be one line, without control characters")
    return text


# Write them after the limits of the length: `Annotated[str, StringConstraints(max_length=150), ONE_LINE]`. Otherwise
# pydantic's errors would say "items" for characters.
STORABLE = AfterValidator(_refuse_nul)
ONE_LINE = AfterValidator(_refuse_controls)
Text = Annotated[str, STORABLE]
