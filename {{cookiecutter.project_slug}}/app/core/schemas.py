"""Kinds of text that a client may send."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, EmailStr

from app.core.addresses import parse_address


def _refuse_nul(text: str) -> str:
    if "\0" in text:  # PostgreSQL cannot store it
        raise ValueError("must not have NUL characters")
    return text


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must be one line, without control characters")
    return text


def _refuse_unmailable(address: str) -> str:
    parse_address(address)
    return address


Text = Annotated[str, AfterValidator(_refuse_nul)]
Line = Annotated[str, AfterValidator(_refuse_controls)]
EmailAddress = Annotated[EmailStr, AfterValidator(_refuse_unmailable)]
