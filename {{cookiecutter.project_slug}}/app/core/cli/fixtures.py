"""Loads rows that somebody has written by hand: one line of JSON for each.

{"model": "accounts.Group", "fields": {"name": "Editors", "permissions": [{"name": "blog.change_post"}]}}
{"model": "blog.Post", "fields": {"title": "A beginning", "author": {"username": "ada"}}}

A reference is an object whose values find one row. For several rows, write a list of such objects. If the fields have
the key of a row that exists, this row changes. docs/backups.md says more.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Column, Enum, select
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty, selectinload

from app.core.cli.errors import CommandError
from app.core.cli.labels import label_of, labelled_models
from app.core.db import cause_of, input_type, is_conflict, is_unfit, stored_type, taken_columns
from app.core.settings import BASE_DIR

FORM = 'Write {"model": "blog.Post", "fields": {"title": "A beginning"}}.'

Models = Mapping[str, Mapper[Any]]
Values = dict[str, Any]


class Fault(Exception):
    """What is wrong with a line."""


def find_file(name: str) -> Path:
    """Return the file with this path, or `app/*/fixtures/NAME.jsonl`. Raises CommandError."""
    if Path(name).is_file():
        return Path(name)
    found = sorted(BASE_DIR.glob(f"app/*/fixtures/{name}.jsonl")) if "/" not in name else []
    if len(found) == 1:
        return found[0]
    paths = ", ".join(path.relative_to(BASE_DIR).as_posix() for path in found)
    raise CommandError(
        f"Several fixtures are called {name}: {paths}. Give the path of one."
        if found
        else f"There is no file {name}, and no fixture {name}."
    )


def is_fixture(line: str) -> bool:
    """Look at the first line. That of a dump has the migrations."""
    return line.startswith("{") and '"migrations"' not in line


async def load_fixture(db: AsyncSession, lines: Iterable[tuple[int, str]]) -> int:
    """Return the number of rows. The caller commits. Raises CommandError."""
    models, count = labelled_models(), 0
    for number, line in lines:
        if line.strip():
            try:
                await _load(db, models, line)
            except Fault as fault:
                raise CommandError(f"Line {number}: {fault} Nothing was changed.") from None
            count += 1
    return count


async def _load(db: AsyncSession, models: Models, line: str) -> None:
    mapper, fields = _parsed(models, line)
    values = {name: await _value(db, mapper, name, value) for name, value in fields.items()}
    row = await _existing(db, mapper, values)
    if row is None:
        db.add(mapper.class_(**values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    try:
        await db.flush()
    except (StatementError, OverflowError) as error:
        raise _explained(error) from error


def _parsed(models: Models, line: str) -> tuple[Mapper[Any], Values]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Fault(f"This is not JSON ({error}).") from None
    match entry:
        case {"model": str(label), "fields": dict(fields)} if len(entry) == 2:
            if label not in models:
                raise Fault(f"There is no model {label!r}. There are: {', '.join(sorted(models))}.")
            return models[label], fields
    raise Fault(FORM)


async def _existing(db: AsyncSession, mapper: Mapper[Any], values: Values) -> Any:
    """Return the row with this key. A list that changes must be loaded before."""
    key = [values.get(mapper.get_property_by_column(column).key) for column in mapper.primary_key]
    lists = [relation for relation in mapper.relationships if relation.key in values and relation.uselist]
    if None in key:
        return None
    options = [selectinload(relation.class_attribute) for relation in lists]
    return await db.get(mapper.class_, tuple(key), options=options)


async def _value(db: AsyncSession, mapper: Mapper[Any], name: str, value: Any) -> Any:
    if name in mapper.relationships and mapper.relationships[name].direction is not RelationshipDirection.ONETOMANY:
        return await _referred(db, mapper.relationships[name], value)
    if name not in mapper.column_attrs or mapper.columns[name].computed is not None:
        raise Fault(f"{label_of(mapper.class_)} has no field {name!r}.")
    return converted(name, mapper.columns[name], value)


async def _referred(db: AsyncSession, relation: RelationshipProperty[Any], value: Any) -> Any:
    match value:
        case None if not relation.uselist:
            return None
        case list() if relation.uselist:
            return [await _found(db, relation, each) for each in value]
        case dict() if not relation.uselist:
            return await _found(db, relation, value)
    form = '[{"name": "red"}]' if relation.uselist else '{"name": "red"}'
    raise Fault(
        f"{relation.key!r} refers to {label_of(relation.mapper.class_)}. Write values that identify it, such as {form}."
    )


async def _found(db: AsyncSession, relation: RelationshipProperty[Any], values: Any) -> Any:
    mapper = relation.mapper
    if not (isinstance(values, dict) and values and values.keys() <= set(mapper.column_attrs.keys())):
        raise Fault(f"{relation.key!r}: {json.dumps(values)} does not name fields of {label_of(mapper.class_)}.")
    wanted = [mapper.columns[name] == converted(name, mapper.columns[name], each) for name, each in values.items()]
    rows = (await db.scalars(select(mapper.class_).where(*wanted).limit(2))).all()
    if len(rows) != 1:
        count = "several rows have" if rows else "no row has"
        raise Fault(f"{relation.key!r}: of {label_of(mapper.class_)}, {count} {json.dumps(values)}.")
    return rows[0]


def converted(name: str, column: Column[Any], value: Any) -> Any:
    """Return the value for the column. An enum takes the names of its members, too. Raises Fault."""
    kind = stored_type(column.type)
    members = kind.enum_class.__members__ if isinstance(kind, Enum) and kind.enum_class else {}
    if isinstance(value, str) and value in members:
        return members[value]
    accepted = input_type(kind)
    try:
        return TypeAdapter(accepted | None if column.nullable else accepted).validate_python(value)
    except ValidationError as error:
        raise Fault(f"{name!r}: {error.errors()[0]['msg']}.") from None


def _explained(error: Exception) -> Exception:
    if isinstance(error, DBAPIError):
        if columns := taken_columns(error):
            return Fault(f"There is already a row with this {' and '.join(columns)}.")
        if is_conflict(error):
            return Fault("It refers to a row that does not exist.")
    if is_unfit(error):
        return Fault(f"A value is missing or does not fit: {cause_of(error)}.")
    return error
