"""Moves all rows between databases, whatever their kind: one line of JSON for each row.

The first line has the number of rows of each table, and the migrations that are applied. The values are those of the
database, without what a TypeDecorator makes of them; `encoding.py` writes them as JSON.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from operator import itemgetter
from tempfile import TemporaryFile
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Integer,
    Table,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    type_coerce,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import sort_tables_and_constraints

from app.core.db.base import Base
from app.core.db.columns import stored_type
from app.core.db.connections.engine import Database
from app.core.db.encoding import decode, encode
from app.core.db.errors import cause_of, is_away
from app.core.db.migrations.histories import Graph
from app.core.registry import load_models

BATCH = 500  # rows
UNSTORABLE = (StatementError, OverflowError, UnicodeEncodeError)  # the last two are of the drivers

Row = tuple[str, dict[str, Any]]
"""The name of its table, and its values."""
Tables = Mapping[str, Table]
Advance = Callable[[int], object]


class DumpError(Exception):
    """The dump cannot be loaded. The text says why."""


async def row_counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many rows each table has."""
    found = {}
    for name, table in all_tables().items():
        found[name] = await connection.scalar(select(func.count()).select_from(table)) or 0
    return found


async def row_count(connection: AsyncConnection) -> int:
    """Return how many rows all tables have together. A table that is missing has none."""

    def existing(sync: Connection) -> list[Table]:
        return [table for table in all_tables().values() if inspect(sync).has_table(table.name, table.schema)]

    counts = [select(func.count()).select_from(table) for table in await connection.run_sync(existing)]
    return sum([await connection.scalar(count) or 0 for count in counts])


async def dump_rows(database: Database) -> AsyncGenerator[str, None]:
    """Yield the lines of one state of the database, however long it takes."""
    async with database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.exec_driver_sql("BEGIN")
        else:
            await connection.execution_options(isolation_level="REPEATABLE READ")
        migrations = await connection.run_sync(Graph.read().applied)
        yield json.dumps({"rows": await row_counts(connection), "migrations": sorted(migrations)})
        for name, table in all_tables().items():
            kinds = {column.name: stored_type(column.type) for column in _written(table)}
            columns = [type_coerce(column, kinds[column.name]).label(column.name) for column in _written(table)]
            query = select(*columns).order_by(*table.primary_key)
            # Not in `async with`: that cannot end if the reader has enough and closes this generator.
            rows = await connection.stream(query, execution_options={"yield_per": BATCH})
            async for row in rows.mappings():
                values = {key: encode(kinds[key], value) for key, value in row.items()}
                yield json.dumps((name, values), ensure_ascii=False, default=str)


def is_dump(line: str) -> bool:
    """Tell whether a file that begins with this line is a dump, whole or not."""
    try:
        _read_head(line)
    except DumpError:
        return False
    return True


def _read_head(line: str) -> tuple[int, set[str], set[str]]:
    """Return the number of all rows, the names of the tables, and the applied migrations. Raises DumpError."""
    try:
        head = json.loads(line)
        counts = dict(head["rows"])
        return sum(counts.values()), set(counts), set(head["migrations"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DumpError("This file is not a dump. `dumpdata` makes one.") from None


async def load_rows(connection: AsyncConnection, lines: Iterable[str], advance: Advance = lambda _: None) -> int:
    """Replace all rows with those of a dump. Return their number. The caller commits. Raises DumpError."""
    tables, numbered = all_tables(), enumerate(lines, 1)
    expected = await _count_expected(connection, tables, next(numbered, (1, ""))[1])
    await _empty(connection, tables.values())
    total = await _insert(connection, tables, _rows(numbered, tables), advance)
    if total != expected:
        raise DumpError(f"The dump is incomplete: it has {total} of {expected} rows.")
    if connection.dialect.name == "postgresql":
        await _set_sequences(connection, tables.values())
    else:
        await _check_references(connection)
    return total


async def _count_expected(connection: AsyncConnection, tables: Tables, line: str) -> int:
    """Return the number of all rows that the first line names, if they fit this database. Raises DumpError."""
    total, names, migrations = _read_head(line)
    if migrations != await connection.run_sync(Graph.read().applied):
        raise DumpError("The dump was made with other migrations. Apply the same migrations to both databases.")
    if unknown := names - tables.keys():
        raise DumpError(f"The dump has tables that no model has: {', '.join(sorted(unknown))}.")
    return total


async def _empty(connection: AsyncConnection, tables: Iterable[Table]) -> None:
    """Tables may refer to each other in a circle."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(map(connection.dialect.identifier_preparer.format_table, tables))
        await connection.execute(sql(f"TRUNCATE {names}"))
        return
    await connection.execute(sql("PRAGMA defer_foreign_keys = ON"))  # until the end of the transaction
    for table in tables:
        await connection.execute(delete(table))


async def _insert(connection: AsyncConnection, tables: Tables, rows: Iterator[Row], advance: Advance) -> int:
    """A row may refer to one that comes later. Such values are written last, from a file beside."""
    total = 0
    with TemporaryFile("w+", encoding="utf-8") as later:
        for name, group in groupby(rows, key=itemgetter(0)):
            table = tables[name]
            forward = _forward(table, tables)
            statement = insert(table).values({column: _parameter(column) for column in _written(table)})
            for batch in _batches(values for _, values in group):
                if forward:
                    later.writelines(_line(table, values) for values in batch if any(map(values.get, forward)))
                nulls = dict.fromkeys(forward)
                try:
                    await connection.execute(statement, [_parameters({**values, **nulls}) for values in batch])
                except UNSTORABLE as error:
                    place = f"A row of {name} in the lines {total + 2} to {total + 1 + len(batch)}"
                    raise _explained(error, place) from None
                total += len(batch)
                advance(len(batch))
        later.seek(0)
        for name, values in _rows(enumerate(later, 1), tables):
            try:
                await connection.execute(_filling(tables[name], _forward(tables[name], tables)), _parameters(values))
            except UNSTORABLE as error:
                raise _explained(error, f"A row of {name}") from None
    return total


def _explained(error: Exception, place: str) -> Exception:
    if isinstance(error, DBAPIError) and is_away(error):
        return error
    return DumpError(f"{place} cannot be stored: {cause_of(error)}.")


async def _check_references(connection: AsyncConnection) -> None:
    """PostgreSQL checks each row. SQLite would fail at the commit, and not say why."""
    broken = (await connection.execute(sql("PRAGMA foreign_key_check"))).first()
    if broken is not None:
        name, _, other, _ = broken
        raise DumpError(f"A row of {name} cannot be stored: it refers to a row of {other} that is missing.")


def _line(table: Table, values: Mapping[str, Any]) -> str:
    encoded = {key: encode(stored_type(table.columns[key].type), value) for key, value in values.items()}
    return json.dumps((table.fullname, encoded), default=str) + "\n"


def _filling(table: Table, names: list[str]) -> Any:
    key = [column == _parameter(column) for column in table.primary_key]
    return update(table).where(*key).values({name: _parameter(table.columns[name]) for name in names})


def _forward(table: Table, tables: Tables) -> list[str]:
    """Return the columns that refer to this table or to one that comes later."""
    order = list(tables)
    own = order.index(table.fullname)
    keys = (key for key in table.foreign_keys if order.index(key.column.table.fullname) >= own)
    return [key.parent.name for key in keys if key.parent.nullable]


def _rows(numbered: Iterable[tuple[int, str]], tables: Tables) -> Iterator[Row]:
    for number, line in numbered:
        try:
            name, values = json.loads(line)
            columns = {column.name: column for column in _written(tables[name])}
            decoded = {key: decode(stored_type(columns[key].type), value) for key, value in values.items()}
            if missing := columns.keys() - decoded.keys():
                raise KeyError(missing)
            yield name, decoded
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            raise DumpError(f"Line {number} is not a row of a dump: {type(error).__name__}.") from None


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    for first in rows:
        yield [first, *islice(rows, BATCH - 1)]


async def _set_sequences(connection: AsyncConnection, tables: Iterable[Table]) -> None:
    """A sequence of PostgreSQL does not notice rows that bring their own number."""
    for table in tables:
        column = table.autoincrement_column
        if column is not None and isinstance(column.type, Integer):
            name = connection.dialect.identifier_preparer.format_table(table)
            sequence = func.pg_get_serial_sequence(name, column.name)
            await connection.execute(select(func.setval(sequence, func.max(column))))


def all_tables() -> dict[str, Table]:
    """Return each table after those that it refers to, as far as that is possible."""
    load_models()
    ordered = sort_tables_and_constraints(Base.metadata.tables.values())  # type: ignore[no-untyped-call]
    return {table.fullname: table for table, _ in ordered if table is not None}


def _written(table: Table) -> list[Column[Any]]:
    """Leave out what the database computes by itself."""
    return [column for column in table.columns if column.computed is None]


def _parameter(column: Column[Any]) -> Any:
    kind = stored_type(column.type)
    if isinstance(kind, JSON) and column.nullable:
        kind = type(kind)(none_as_null=True)
    return bindparam(f"new_{column.name}", type_=kind)


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}
