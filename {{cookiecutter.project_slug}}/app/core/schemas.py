"""Kinds of text that a client may send."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def _refuse_nul(text: str) -> str:
    if "\0" in text:  # PostgreSQL cannot store it
        raise ValueError("must not have NUL characters")
    return text


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must be one line, without control characters")
    return text


Text = Annotated[str, AfterValidator(_refuse_nul)]
Line = Annotated[str, AfterValidator(_refuse_controls)]
