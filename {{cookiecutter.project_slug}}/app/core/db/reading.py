"""The quickest way to one row, for what each request asks: outside any session, and without building objects.

A reader takes a connection from SQLAlchemy's pool, and SQLAlchemy's types, but has the driver itself run the query: by
way of `execute` it costs twice as much. Where the driver fails, that way is taken, since it knows what the error means.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from sqlalchemy import Dialect, Engine, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler

Query = Select[*tuple[Any, ...]]
Values = Mapping[str, Any]
Row = Mapping[Any, Any]
"""The values by the names of their columns."""


class CompiledQuery:
    """A query as the driver takes it, and what the types of its parameters and columns do with values."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        if compiled.post_compile_params:
            raise ValueError("a parameter, as of in_(), changes the SQL each time: this query cannot be compiled once")
        types = {name: parameter.type.dialect_impl(dialect) for name, parameter in compiled.binds.items()}
        self.sql = compiled.string
        self._constants = compiled.params
        self._parameters = [(name, types[name].bind_processor(dialect)) for name in compiled.positiontup or ()]
        self._columns = [
            (column["name"], column["type"].dialect_impl(dialect).result_processor(dialect, None))
            for column in query.column_descriptions
        ]

    def arguments(self, values: Values) -> list[Any]:
        given = {**self._constants, **values}
        return [process(given[name]) if process else given[name] for name, process in self._parameters]

    def read(self, row: Sequence[Any]) -> Row:
        columns = zip(self._columns, row, strict=True)
        return {name: process(value) if process else value for (name, process), value in columns}


class Reader(ABC):
    def __init__(self, dialect: Dialect, errors: tuple[type[Exception], ...]) -> None:
        self._compiled = lru_cache(lambda query: CompiledQuery(query, dialect))
        self._errors = errors

    async def fetch_one(self, query: Query, values: Values) -> Row | None:
        compiled: CompiledQuery = self._compiled(query)
        try:
            row = await self._ask_driver(compiled.sql, compiled.arguments(values))
        except self._errors:
            return await self._ask_engine(query, values)
        return compiled.read(row) if row else None

    @abstractmethod
    async def _ask_driver(self, sql: str, arguments: Sequence[Any]) -> Sequence[Any] | None: ...

    @abstractmethod
    async def _ask_engine(self, query: Query, values: Values) -> Row | None: ...


class FileReader(Reader):
    """Of SQLite, in the event loop: it reads a row in microseconds, and in WAL mode without ever waiting for a writer.

    aiosqlite would hop to a thread and back for each of the four steps of a query, at ten times the cost.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.dialect, (sqlite3.Error,))
        self._engine = engine

    async def _ask_driver(self, sql: str, arguments: Sequence[Any]) -> Sequence[Any] | None:
        connection = self._engine.raw_connection()
        try:
            rows = connection.execute(sql, arguments).fetchall()  # all, which ends the reading
        finally:
            connection.close()
        return rows[0] if rows else None

    async def _ask_engine(self, query: Query, values: Values) -> Row | None:
        with self._engine.connect() as connection:
            return connection.execute(query, values).mappings().one_or_none()


class ServerReader(Reader):
    """Of PostgreSQL, outside any transaction: BEGIN and ROLLBACK would cost two round trips."""

    def __init__(self, engine: AsyncEngine) -> None:
        driver: Any = import_module("asyncpg")  # takes long to load, and few need it; it has no types
        # InternalClientError is what it says where the server has ended the connection a moment ago.
        errors = (driver.PostgresError, driver.InterfaceError, driver.InternalClientError, OSError)
        super().__init__(engine.dialect, errors)
        self._engine = engine

    async def _ask_driver(self, sql: str, arguments: Sequence[Any]) -> Sequence[Any] | None:
        connection = await self._engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            row: Sequence[Any] | None = await driver.fetchrow(sql, *arguments)
        except BaseException:  # a cancellation, too, may leave it in the middle of something
            connection.invalidate()
            raise
        connection.close()
        return row

    async def _ask_engine(self, query: Query, values: Values) -> Row | None:
        try:
            return await self._ask_engine_once(query, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The server was restarted since, and SQLAlchemy has now dropped all connections of before.
            return await self._ask_engine_once(query, values)

    async def _ask_engine_once(self, query: Query, values: Values) -> Row | None:
        async with self._engine.connect() as connection:
            return (await connection.execute(query, values)).mappings().one_or_none()
