"""E-mail addresses that clients send, and error texts for wrong values."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr, ValidationError
from pydantic_core import ErrorDetails

from app.core.settings import parse_address


def faults(error: ValidationError) -> list[str]:
    """Return one line per wrong field, without its value."""
    return [f"{detail['loc'][0]}: {_sentence(detail)}" for detail in error.errors(include_input=False)]


def sentences(error: ValidationError) -> list[str]:
    """Return the same without the names of the fields."""
    return [_sentence(detail) for detail in error.errors(include_input=False)]


def _sentence(detail: ErrorDetails) -> str:
    return f"{detail['msg'].rstrip('.')}."


def _refuse_unmailable(address: str) -> str:
    parse_address(address)
    return address


EmailAddress = Annotated[EmailStr, AfterValidator(_refuse_unmailable)]
