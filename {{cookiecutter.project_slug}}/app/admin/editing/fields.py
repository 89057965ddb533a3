"""Which field a column gets in a form. The table `FIELDS` has the types; all other types have none."""

import enum
import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any

from pydantic import TypeAdapter
from sqladmin.fields import IntervalField as SqladminIntervalField
from sqladmin.fields import SelectField
from sqladmin.helpers import parse_interval
from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Column,
    ColumnDefault,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.dialects.postgresql import CIDR, INET, MACADDR, MACADDR8
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine
from typing_extensions import override
from wtforms import DecimalField, Field, FloatField, Form, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from app.admin.overrides import ShownJSONField
from app.admin.values import integer_limit, members
from app.core.db import input_type, stored_type

NOT_FINITE = "Not a finite number."
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # it rounds nothing
TIME_FORMATS = ["%H:%M:%S", "%H:%M", "%H:%M:%S.%f"]
"""The first one shows values. Browsers leave out seconds that are 0."""
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


# The names are those of the methods in `app.admin.editing.forms.Choices`. The first that fits decides.
FIELDS: Mapping[type[TypeEngine[Any]], str] = {
    Enum: "conv_enum",
    Text: "conv_text",
    String: "conv_string",
    Boolean: "conv_boolean",
    Integer: "conv_integer",
    Float: "conv_float",
    Numeric: "conv_decimal",
    DateTime: "conv_datetime",
    Date: "conv_date",
    Time: "conv_time",
    Interval: "conv_interval",
    JSON: "conv_json",
    Uuid: "conv_uuid",
    ARRAY: "conv_array",
    INET: "conv_address",
    CIDR: "conv_address",
    MACADDR: "conv_address",
    MACADDR8: "conv_address",
}


def kind_of_field(kind: TypeEngine[Any]) -> str | None:
    """Return the name of the method that makes the field. None if the type has none, or has other values in Python."""
    stored = stored_type(kind)
    if _python_type(kind) not in (None, object, _python_type(stored)):
        return None
    match stored:
        case Time(timezone=True):
            return None
        case ARRAY() if stored.dimensions not in (None, 1) or not isinstance(stored.item_type, String):
            return None
    return next((name for each, name in FIELDS.items() if isinstance(stored, each)), None)


def _python_type(kind: TypeEngine[Any]) -> type | None:
    try:
        return kind.python_type
    except NotImplementedError:
        return None


def has_default(column: Column[Any]) -> bool:
    return column.default is not None or column.server_default is not None


def shown_default(column: Column[Any]) -> Any:
    """Return the default that a form can show. Return None if the database makes it, or if it depends on the row."""
    default = column.default
    if not isinstance(default, ColumnDefault) or isinstance(default.arg, ClauseElement):
        return None
    if not callable(default.arg):
        return default.arg
    try:
        return default.arg(None)
    except Exception:  # it needs to know the row
        return None


def arguments_of(
    column: Column[Any], given: Mapping[str, Any], widget: Mapping[str, Any], label: str | None
) -> dict[str, Any]:
    """Return the arguments of a field. `given` and `widget` are `form_args` and `form_widget_args` of the page."""
    default = shown_default(column)
    validators = list(given.get("validators", ()))
    if column.nullable or (has_default(column) and default is None):
        validators.append(Optional())
    elif not has_default(column) and not isinstance(column.type, Boolean):
        validators.append(InputRequired())
    return {
        "label": label,
        "description": column.doc,
        "default": default,
        "filters": [],
        "render_kw": {"class": "form-control", **widget},
        **given,
        "validators": validators,
    }


def integer_field(kind: Any, arguments: dict[str, Any]) -> Field:
    limit = integer_limit(kind)
    return IntegerField(**_with(arguments, Within(-limit, limit - 1)))


def decimal_field(kind: Any, arguments: dict[str, Any]) -> Field:
    validators: list[Any] = []
    if kind.precision is not None:
        scale = kind.scale or 0
        largest = Decimal((0, (9,) * kind.precision, -scale))
        validators = [Within(-largest, largest), Decimals(scale)]
    return FiniteDecimalField(places=None, **_with(arguments, *validators))


def enum_field(kind: Any, arguments: dict[str, Any], *, nullable: bool) -> Field:
    """sqladmin assumes that a column stores the names of members. With `values_callable`, it does not.

    Members that are texts are shown by their values, as in lists.
    """
    stored = {text: member for member, text in members(kind).items()}
    choices = [(text, _label(stored.get(text), text)) for text in kind.enums]

    def coerce(value: Any) -> Any:
        return value if isinstance(value, enum.Enum) else stored.get(value, value)

    return SelectField(**{"choices": choices, "coerce": coerce, "allow_blank": nullable, **arguments})


def _label(member: Any, stored: str) -> str:
    return str(member.value) if isinstance(member, enum.Enum) and isinstance(member, str) else stored


def _with(arguments: dict[str, Any], *validators: Any) -> dict[str, Any]:
    return {**arguments, "validators": [*arguments["validators"], *validators]}
