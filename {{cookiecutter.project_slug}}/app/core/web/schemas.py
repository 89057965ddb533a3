"""Addresses that clients send, and error texts for wrong values."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr, HttpUrl, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails

from app.core.settings import parse_address

MAX_URL = 2083  # characters, as in pydantic's HttpUrl


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


def _refuse_long(url: HttpUrl) -> HttpUrl:
    """In ASCII, it may be longer than what the client sent."""
    if len(str(url)) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL} characters")
    return url


EmailAddress = Annotated[EmailStr, AfterValidator(_refuse_unmailable)]
WebAddress = Annotated[HttpUrl, AfterValidator(_refuse_long), PlainSerializer(str, return_type=str)]
"""`http` or `https`, for a column of `String(2083)`. `model_dump` gives a str."""
