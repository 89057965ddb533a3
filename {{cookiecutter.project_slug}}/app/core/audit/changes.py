"""The details of a change, in the form that the audit log stores.

For a column: `[old, new]`, or `[new]` if the old value is not known. For a secret: only `changed`. For a relation: the
objects that were `added` and `removed`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from operator import and_, eq
from typing import Any

from sqlalchemy import Column, ColumnElement, Delete, Insert, Update, inspect
from sqlalchemy.orm import InstanceState, Mapper, ORMExecuteState
from sqlalchemy.orm.attributes import History
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList

from app.core.db import Base

MAX_TEXT = 200  # characters: the log is not a second copy of the data
CHANGED = "changed"

Changes = dict[str, Any]
Statement = Insert | Update | Delete


def of_new(instance: Base) -> Changes:
    state: InstanceState[Base] = inspect(instance)
    values = {name: state.dict.get(name) for name, column in _columns(state.mapper) if not _is_secret(column)}
    return {name: [_plain(value)] for name, value in values.items() if value is not None} | dict(_relations(state))


def of(instance: Base) -> Changes:
    """Return {} if nothing changed that the log records."""
    state: InstanceState[Base] = inspect(instance)
    histories = [(name, column, state.attrs[name].history) for name, column in _columns(state.mapper)]
    values = {name: _values(column, history) for name, column, history in histories if history.has_changes()}
    return values | dict(_relations(state))


def _values(column: Column[Any], history: History) -> Any:
    return CHANGED if _is_secret(column) else [_plain(value) for value in (*history.deleted, *history.added)]


def _relations(state: InstanceState[Base]) -> Iterator[tuple[str, Changes]]:
    """Only relations with a table of their own. The others have a foreign key, which is a column."""
    for relation in state.mapper.relationships:
        history = state.attrs[relation.key].history
        if relation.secondary is not None and history.has_changes():
            yield relation.key, {"added": _names(history.added), "removed": _names(history.deleted)}


def _names(instances: Iterable[object]) -> list[str]:
    return sorted(map(str, instances))


def of_statement(state: ORMExecuteState) -> Changes:
    """Return the values that an UPDATE sets, if they do not depend on the row."""
    if not (state.bind_mapper and isinstance(state.statement, Update)) or isinstance(state.parameters, list):
        return {}
    values = state.statement.compile(dialect=state.session.get_bind().dialect).params
    columns = [(name, column) for name, column in _columns(state.bind_mapper) if column.key in values]
    return {name: CHANGED if _is_secret(column) else [_plain(values[column.key])] for name, column in columns}


def chosen_by(state: ORMExecuteState) -> dict[str, Any]:
    """Return the columns that the WHERE of a statement compares with a value, and the values. Ignore the rest of it."""
    where = getattr(state.statement, "whereclause", None)
    return {
        column.key: value.value
        for column, value in _equalities(where)
        if isinstance(column, Column) and not _is_secret(column)
    }


def _equalities(clause: object) -> Iterator[tuple[ColumnElement[Any], BindParameter[Any]]]:
    if isinstance(clause, BooleanClauseList) and clause.operator is and_:
        for each in clause.clauses:
            yield from _equalities(each)
    elif isinstance(clause, BinaryExpression) and clause.operator is eq and isinstance(clause.right, BindParameter):
        yield clause.left, clause.right


def _columns(mapper: Mapper[Any]) -> Iterator[tuple[str, Column[Any]]]:
    """Yield the columns that the log records."""
    for name, column in mapper.columns.items():
        if isinstance(column, Column) and not column.primary_key and column.info.get("audited", True):
            yield name, column


def _is_secret(column: Column[Any]) -> bool:
    return bool(column.info.get("secret"))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool | int):
        return value
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
