"""The fields of `UserFields` in schemas, use cases and forms."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Field, create_model
from sqlalchemy import Column, inspect

from app.accounts.fields import Place
from app.accounts.models import User
from app.core.db import STORABLE, input_type

LIMITED = (str, int, float, Decimal, dt.datetime, dt.timedelta)  # a column cannot hold each value of these types

Schema = TypeVar("Schema", bound=BaseModel)


def own_columns(place: Place, model: type = User) -> dict[str, Column[Any]]:
    columns: dict[str, Column[Any]] = dict(inspect(model).columns.items())
    return {name: column for name, column in columns.items() if place in column.info.get("shown", ())}


def extended(place: Place, model: type = User) -> Callable[[type[Schema]], type[Schema]]:
    """Add the fields that show in this place to a schema. In bodies of requests, all of them can be left out."""

    def extend(schema: type[Schema]) -> type[Schema]:
        fields: dict[str, Any] = {}
        for name, column in own_columns(place, model).items():
            texts = {key: column.info[key] for key in ("description", "examples") if column.info[key]}
            annotation = _annotation(model, name)
            if place == "api":
                fields[name] = (annotation, Field(**texts))
            else:
                fields[name] = _accepted(annotation, column) | None, Field(None, **texts)
        if not fields:
            return schema
        return create_model(
            schema.__name__, __base__=schema, __module__=schema.__module__, __doc__=schema.__doc__, **fields
        )

    return extend


def own_values(place: Place, body: BaseModel, model: type = User) -> dict[str, Any]:
    """Return what a client sent. Null empties a column that may be null, and leaves any other as it is."""
    columns = own_columns(place, model)
    values = body.model_dump(include=set(columns), exclude_unset=True)
    return {name: value for name, value in values.items() if value is not None or columns[name].nullable}


def _annotation(model: type, name: str) -> Any:
    """Return `str` for `Mapped[str]`."""
    mapped = next(found[name] for each in model.__mro__ if name in (found := get_annotations(each)))
    return get_args(mapped)[0]


def _accepted(annotation: Any, column: Column[Any]) -> Any:
    """Return the type for input that both databases can store."""
    plain = input_type(column.type) if _without_none(annotation) in LIMITED else annotation
    kind = column.info["schema"] or plain
    return Annotated[kind, STORABLE]


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    return Union[tuple(each for each in get_args(annotation) if each is not NoneType)]  # noqa: UP007 (a tuple)
