"""The audit log: who changed what, when and from where.

A session event writes it in the transaction of the change. So a rollback leaves no entry. Routes, the admin site and
commands all get entries. Reads cost nothing.

`Base.__audited__` lists the actions to record for a model. For a column with `info={"secret": True}`, an entry tells
only that it changed. A column with `info={"audited": False}` is not recorded. To leave out a statement, write
`update(User).values(last_login=now).execution_options(audited=False)`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import CursorResult, Result, event, insert, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session

from app.core.audit import changes
from app.core.audit.actor import acting, place
from app.core.audit.changes import Changes, Statement
from app.core.audit.models import MAX_ID, MAX_NAME, MAX_PLACE, AuditEntry
from app.core.db import Base
from app.core.logging import request_id
from app.core.permissions import app_of

ADD, CHANGE, DELETE = "add", "change", "delete"

Row = dict[str, Any]


class AppendOnly(Exception):
    """Somebody tried to change the log."""


async def record(
    db: AsyncSession, action: str, model: type[Base], object_id: str, what: Changes | None = None, name: str = ""
) -> None:
    """Log what no event sees: a statement on a table, textual SQL, rows that the database deletes by itself.

    The entry is part of the session's transaction. `action` is "add", "change" or "delete". `what` has `[old, new]` or
    `[new]` for each column.
    """
    await db.run_sync(_write, [_row(action, model, object_id, name, what or {})])


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, *_: object) -> None:
    if any(isinstance(each, AuditEntry) for each in (*session.dirty, *session.deleted)):
        raise AppendOnly
    # Before the flush: later, the objects can no longer tell their names.
    _write(session, [_row_of(DELETE, each, {}) for each in _audited(DELETE, session.deleted)])


@event.listens_for(Session, "after_flush")
def _after_flush(session: Session, *_: object) -> None:
    """Now the objects have their keys and defaults, and still the history of each attribute."""
    added = [_row_of(ADD, each, changes.of_new(each)) for each in _audited(ADD, session.new)]
    changed = [(each, changes.of(each)) for each in _audited(CHANGE, session.dirty)]
    _write(session, added + [_row_of(CHANGE, each, what) for each, what in changed if what])


@event.listens_for(Session, "do_orm_execute")
def _on_execute(state: ORMExecuteState) -> Result[Any] | None:
    """Statements bypass the unit of work, so the events above do not see them."""
    if state.is_select or not isinstance(state.statement, Statement):
        return None
    if state.statement.table == AuditEntry.__table__:
        raise AppendOnly
    action = ADD if state.is_insert else CHANGE if state.is_update else DELETE
    model = state.bind_mapper.class_ if state.bind_mapper else None
    if model is None or action not in model.__audited__ or not state.execution_options.get("audited", True):
        return None
    object_id, name = _target(state, model)
    result, count = _counted(state)
    if not object_id:
        name = f"{count} row{'s' * (count != 1)} {name}".rstrip()
    if count:
        _write(state.session, [_row(action, model, object_id, name, changes.of_statement(state))])
    return result


def _counted(state: ORMExecuteState) -> tuple[Result[Any], int]:
    """Execute the statement. Return the result and the number of rows. A result can be read only once, so freeze it."""
    result = state.invoke_statement(execution_options={"preserve_rowcount": True})
    if isinstance(state.parameters, list):
        return result, len(state.parameters)
    if isinstance(result, CursorResult):
        return result, result.rowcount
    frozen = result.freeze()
    return frozen(), len(frozen().all())


def _target(state: ORMExecuteState, model: type[Base]) -> tuple[str, str]:
    """Return the id of the one row that a statement changes, and its name if the session has the object.

    If it may change many rows, return "" and the condition.
    """
    mapper, chosen_by = inspect(model), changes.chosen_by(state)
    key = tuple(chosen_by.pop(str(column.key), None) for column in mapper.primary_key)
    if None in key:
        choice = " and ".join(f"{name} = {value}" for name, value in chosen_by.items())
        return "", choice and f"with {choice}"
    instance = state.session.identity_map.get(mapper.identity_key_from_primary_key(key))
    return _text(key), _name(instance)


def _audited(action: str, instances: Iterable[object]) -> Iterator[Base]:
    return (each for each in instances if isinstance(each, Base) and action in each.__audited__)


def _write(session: Session, rows: list[Row]) -> None:
    if rows:
        session.connection().execute(insert(AuditEntry), rows)


def _row_of(action: str, instance: Base, what: Changes) -> Row:
    key = inspect(type(instance)).primary_key_from_instance(instance)
    return _row(action, type(instance), _text(key), _name(instance), what)


def _name(instance: object) -> str:
    """Return the object's text, if its model defines `__str__`."""
    return "" if type(instance).__str__ is object.__str__ or instance is None else str(instance)


def _text(key: Iterable[object]) -> str:
    return ";".join(map(str, key))


def _row(action: str, model: type[Base], object_id: str, object_name: str, what: Changes) -> Row:
    actor = acting.get()
    return {
        "actor_id": actor.id,
        "actor": actor.name,
        "place": place.get()[:MAX_PLACE],
        "request_id": request_id.get(),
        "action": action,
        "model": f"{app_of(model)}.{model.__name__.lower()}",
        "object_id": object_id[:MAX_ID],
        "object_name": object_name[:MAX_NAME],
        "changes": what,
    }
