"""Which field a column gets in a form. The table `FIELDS` has the types; all other types have none."""

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqladmin.ajax import QueryAjaxModelLoader
from sqladmin.exceptions import NoConverterFound
from sqladmin.fields import SelectField
from sqladmin.forms import WTFORMS_ATTRS, converts
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
    select,
)
from sqlalchemy.dialects.postgresql import CIDR, INET, MACADDR, MACADDR8
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine
from typing_extensions import override
from wtforms import Field, IntegerField, StringField, TimeField
from wtforms.validators import InputRequired, Optional

from app.admin.editing.changes import Changes
from app.admin.editing.inputs import (
    Decimals,
    FiniteDecimalField,
    FiniteFloatField,
    IntervalField,
    JSONField,
    Within,
)
from app.admin.editing.related import RelatedField
from app.admin.overrides import RowConverter
from app.admin.values import integer_limit, key_of, members, name_of
from app.core.db import stored_type

MAX_CHOICES = 500
"""A field lists up to this many rows of another model. With more, it shows the chosen rows and searches others."""
RESERVED = {"meta", *dir(Changes)} - {*WTFORMS_ATTRS}
"""A form has something else under these names. sqladmin renames some fields: those of WTFORMS_ATTRS."""
TIME_FORMATS = ["%H:%M:%S", "%H:%M", "%H:%M:%S.%f"]
"""The first one shows values. Browsers leave out seconds that are 0."""

# The names are those of the methods in `FieldConverter`. The first that fits decides.
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
GENERAL = {*FIELDS.values(), "conv_ip_address", "conv_mac_address"}
"""The methods that `FIELDS` chooses or replaces. Any other method is for a special type."""


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


class FieldConverter(RowConverter):
    """Makes the field of each column as `FIELDS` says, and a `RelatedField` for relations."""

    written_columns: Mapping[str, Column[Any]]
    """Columns that the form writes, by the names of their attributes."""
    loaders: Mapping[str, Any]

    @override
    async def convert(self, model: type, prop: Any, *args: Any, form_ajax_refs: Any = None, **options: Any) -> Any:
        self.loaders = form_ajax_refs or {}
        if isinstance(prop, RelationshipProperty):
            return await super().convert(model, prop, *args, **options)
        return self.field(model, prop, **options)

    def field(
        self,
        model: type,
        prop: Any,
        *,
        field_args: Mapping[str, Any],
        field_widget_args: Mapping[str, Any],
        label: str | None = None,
        override: type[Field] | None = None,
        **_: Any,
    ) -> Any:
        column = self.written_columns.get(prop.key)
        if column is None or prop.key in RESERVED:
            return None
        arguments = arguments_of(column, field_args, field_widget_args, label)
        if override:
            return override(**arguments)
        make = self.maker(prop)
        return make and make(model=model, prop=prop, kwargs=arguments)

    def maker(self, prop: Any) -> Any:
        """Return the method that makes the field. One of the project, or of sqladmin for a special type, goes first."""
        try:
            found: Any = self.get_converter(prop)
        except NoConverterFound:
            found = None
        if found is not None and found.__name__ not in GENERAL:
            return found
        name = kind_of_field(prop.columns[0].type)
        return getattr(self, name) if name else None

    @override
    async def choices(self, prop: Any, session_maker: Any) -> list[tuple[str, Any]]:
        async with session_maker() as db:
            found = [*(await db.scalars(select(prop.mapper.class_).limit(MAX_CHOICES + 1))).unique()]
        return [(key_of(each), name_of(each)) for each in found]

    @override
    @converts("MANYTOONE", "ONETOONE", "MANYTOMANY", "ONETOMANY")  # type: ignore[untyped-decorator]
    def conv_many_to_one(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        if prop.direction is not RelationshipDirection.MANYTOONE:
            kwargs["allow_blank"] = True  # the foreign key is in the other table
        if not kwargs["allow_blank"]:
            kwargs["validators"] = [*kwargs["validators"], InputRequired()]
        loader = self.loaders[prop.key]
        searches = len(kwargs["data"]) > MAX_CHOICES or isinstance(loader, QueryAjaxModelLoader)
        return RelatedField(loader, multiple=prop.uselist, searches=searches, **kwargs)

    conv_one_to_one = conv_many_to_many = conv_many_to_one

    def conv_float(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        return FiniteFloatField(**kwargs)

    @override
    def conv_integer(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        kind: Any = stored_type(prop.columns[0].type)
        limit = integer_limit(kind)
        kwargs["validators"].append(Within(-limit, limit - 1))
        return IntegerField(**kwargs)

    @override
    def conv_decimal(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        kind: Any = stored_type(prop.columns[0].type)
        if kind.precision is not None:
            scale = kind.scale or 0
            largest = Decimal((0, (9,) * kind.precision, -scale))
            kwargs["validators"] += [Within(-largest, largest), Decimals(scale)]
        return FiniteDecimalField(places=None, **kwargs)

    @override
    def conv_time(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        kwargs["render_kw"] = {"step": "1", **kwargs["render_kw"]}  # s: by default, a browser refuses seconds
        return TimeField(format=TIME_FORMATS, **kwargs)

    @override
    def conv_interval(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        return IntervalField(**kwargs)

    @override
    def conv_json(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        return JSONField(**kwargs)

    def conv_address(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        return StringField(**kwargs)

    @override
    def conv_enum(self, model: type, prop: Any, kwargs: dict[str, Any]) -> Any:
        """sqladmin assumes that a column stores the names of members. With `values_callable`, it stores other texts.

        Members that are texts are shown by their values, as in lists.
        """
        (column,) = prop.columns
        kind: Any = stored_type(column.type)
        stored = {text: member for member, text in members(kind).items()}
        choices = [(text, _label(stored.get(text), text)) for text in kind.enums]

        def coerce(value: Any) -> Any:
            return value if isinstance(value, enum.Enum) else stored.get(value, value)

        return SelectField(**{"choices": choices, "coerce": coerce, "allow_blank": column.nullable, **kwargs})


def _label(member: Any, stored: str) -> str:
    return str(member.value) if isinstance(member, enum.Enum) and isinstance(member, str) else stored
