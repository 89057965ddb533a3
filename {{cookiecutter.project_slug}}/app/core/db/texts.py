"""Types of text that both databases can store."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def is_text(value: object) -> bool:
    """False for text that cannot be stored: with NUL (in PostgreSQL), or with lone surrogates, which JSON allows."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()  # a loop over a megabyte of characters would stop all other requests for 90 ms
    except UnicodeEncodeError:
        return False
    return True


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
