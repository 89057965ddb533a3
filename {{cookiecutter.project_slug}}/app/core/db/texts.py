"""Kinds of text that both databases can store."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def is_text(value: object) -> bool:
    """False for what cannot be stored: NUL characters (by PostgreSQL), and surrogates, which JSON lets pass alone."""
    return isinstance(value, str) and not any(unicodedata.category(each) == "Cs" or each == "\0" for each in value)


def _refuse_nul(text: str) -> str:
    if not is_text(text):
        raise ValueError("must not have NUL characters, nor halves of characters")
    return text


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must be one line, without control characters")
    return text


# They stand behind what limits the length, as in `Annotated[str, StringConstraints(max_length=150), ONE_LINE]`: before
# it, pydantic would call characters items.
STORABLE = AfterValidator(_refuse_nul)
ONE_LINE = AfterValidator(_refuse_controls)
Text = Annotated[str, STORABLE]
