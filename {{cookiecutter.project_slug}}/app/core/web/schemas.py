"""Addresses that clients send, and what people are told of values that are wrong."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr, ValidationError
from pydantic_core import ErrorDetails

from app.core.settings import parse_address


def faults(error: ValidationError) -> list[str]:
    """Say in a line each what is wrong with which field, and not what was given."""
    return [f"{detail['loc'][0]}: {_sentence(detail)}" for detail in error.errors(include_input=False)]


def sentences(error: ValidationError) -> list[str]:
    """Say the same without the fields, of what was asked for by name."""
    return [_sentence(detail) for detail in error.errors(include_input=False)]


def _sentence(detail: ErrorDetails) -> str:
    return f"{detail['msg'].rstrip('.')}."


def _refuse_unmailable(address: str) -> str:
    parse_address(address)
    return address


EmailAddress = Annotated[EmailStr, AfterValidator(_refuse_unmailable)]
