"""Who changes something, and from where. The code that authenticates somebody sets both."""

from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID


class Actor(NamedTuple):
    id: UUID | None
    name: str


NOBODY = Actor(None, "")

acting: ContextVar[Actor] = ContextVar("acting", default=NOBODY)
place: ContextVar[str] = ContextVar("place", default="")
"""The address of the client, or `command line`."""
