"""Kinds of text that a client may send, and what people are told of what they may not."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, EmailStr, ValidationError
from pydantic_core import ErrorDetails

from app.core.addresses import parse_address


def faults(error: ValidationError) -> list[str]:
    """Say in a line each what is wrong with which field, and not what was given."""
    return [f"{detail['loc'][0]}: {_sentence(detail)}" for detail in error.errors(include_input=False)]


def sentences(error: ValidationError) -> list[str]:
    """Say the same without the fields, of what was asked for by name."""
    return [_sentence(detail) for detail in error.errors(include_input=False)]


def _sentence(detail: ErrorDetails) -> str:
    return f"{detail['msg'].rstrip('.')}."


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


def _refuse_unmailable(address: str) -> str:
    parse_address(address)
    return address


# They stand behind what limits the length, as in `Annotated[str, StringConstraints(max_length=150), ONE_LINE]`: before
# it, pydantic would call characters items.
STORABLE = AfterValidator(_refuse_nul)
ONE_LINE = AfterValidator(_refuse_controls)
Text = Annotated[str, STORABLE]
EmailAddress = Annotated[EmailStr, AfterValidator(_refuse_unmailable)]
