"""The queries of a request, from SQLAlchemy's events. They keep the statement, and never its values."""

import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, ExecutionContext

MAX_QUERIES, MAX_STATEMENT = 500, 5000  # of a request; characters
MANY = 3  # times: the same statement so often in one request is probably an "N+1"


@dataclass
class Query:
    statement: str
    began: float  # s
    ms: float | None = None
    """None: it has failed, or it runs."""


@dataclass
class Queries:
    count: int = 0
    kept: list[Query] = field(default_factory=list)
    running: dict[ExecutionContext, Query] = field(default_factory=dict)


@dataclass(frozen=True)
class Repeated:
    """One statement, and all its queries in a request."""

    statement: str
    queries: list[Query]

    @property
    def times(self) -> int:
        return len(self.queries)

    @property
    def ms(self) -> float:
        return sum(query.ms or 0 for query in self.queries)

    @property
    def has_failed(self) -> bool:
        return any(query.ms is None for query in self.queries)

    @property
    def is_n_plus_one(self) -> bool:
        return self.times >= MANY


recorded: ContextVar[Queries | None] = ContextVar("recorded", default=None)


def began(
    _: Connection, cursor: Any, statement: str, parameters: Any, context: ExecutionContext, executemany: bool
) -> None:
    queries = recorded.get()
    if queries is None:
        return
    queries.count += 1
    if len(queries.kept) < MAX_QUERIES:
        query = queries.running[context] = Query(statement[:MAX_STATEMENT], time.perf_counter())
        queries.kept.append(query)


def ended(
    _: Connection, cursor: Any, statement: str, parameters: Any, context: ExecutionContext, executemany: bool
) -> None:
    queries = recorded.get()
    query = queries.running.pop(context, None) if queries else None
    if query:
        query.ms = (time.perf_counter() - query.began) * 1000


def by_statement(queries: Iterable[Query]) -> list[Repeated]:
    """Return the statements in the order of their first query."""
    found: dict[str, Repeated] = {}
    for query in queries:
        found.setdefault(query.statement, Repeated(query.statement, [])).queries.append(query)
    return [*found.values()]
