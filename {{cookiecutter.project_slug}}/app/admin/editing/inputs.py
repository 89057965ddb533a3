"""Fields of our own for columns, and what they refuse."""

import json
from contextlib import suppress
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any

from pydantic import TypeAdapter
from sqladmin.fields import IntervalField as SqladminIntervalField
from sqladmin.helpers import parse_interval
from sqlalchemy import JSON
from typing_extensions import override
from wtforms import DecimalField, Field, FloatField, Form
from wtforms.validators import NumberRange, ValidationError

from app.admin.overrides import ShownJSONField
from app.core.db import input_type

NOT_FINITE = "Not a finite number."
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # it rounds nothing
STORABLE_JSON: TypeAdapter[Any] = TypeAdapter(input_type(JSON()))


class IntervalField(SqladminIntervalField):
    """It takes an interval of 0, and refuses one that is too long."""

    @override
    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        interval = None
        with suppress(OverflowError):
            interval = parse_interval(valuelist[0])
        self.data: Any = interval
        if interval is None:
            raise ValueError("Not a valid interval. Write it like 1 day 2:03:04.")


class Finite(Field):  # type: ignore[misc]
    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if not _is_finite(self.data):
            self.data = None
            raise ValueError(NOT_FINITE)


class FiniteFloatField(Finite, FloatField):  # type: ignore[misc]
    """A float that is a number."""


class FiniteDecimalField(Finite, DecimalField):  # type: ignore[misc]
    """A decimal that is a number."""


def _is_finite(number: float | Decimal | None) -> bool:
    """SQLite cannot store NaN, and JSON has no infinity."""
    return number is None or Decimal(number).is_finite()


class Within(NumberRange):  # type: ignore[misc]
    """It says nothing about what is no number: the field has said so."""

    def __call__(self, form: Form, field: Field) -> None:
        if field.data is not None:
            super().__call__(form, field)


class Decimals:
    """It refuses more decimals than a column has. PostgreSQL would round them, and SQLite would keep them."""

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, form: Form, field: Field) -> None:
        if field.data is None:
            return
        _, _, exponent = field.data.normalize(EXACT).as_tuple()  # without zeros at the end
        if -exponent > self.scale:
            raise ValidationError(f"Number cannot have more than {self.scale} decimals.")


class JSONField(ShownJSONField):
    """It refuses what only Python takes for JSON."""

    @override
    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        if valuelist[0].strip():
            try:
                self.data = _read_json(valuelist[0])
            except (ValueError, RecursionError) as error:
                raise ValueError("Not valid JSON.") from error


def _read_json(text: str) -> Any:
    """Raises ValueError, also for what only Python takes for JSON, or what the API does not take."""
    return STORABLE_JSON.validate_python(json.loads(text))
