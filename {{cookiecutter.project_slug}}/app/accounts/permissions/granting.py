"""Nobody grants a right that they do not have themselves."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from app.accounts.errors import NotAllowed


class Actor(Protocol):
    """The user who does it: an AuthenticatedUser, or a User whose groups are loaded."""

    @property
    def is_staff(self) -> bool: ...
    @property
    def is_superuser(self) -> bool: ...
    @property
    def permissions(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Operator:
    """A person who runs commands has the database itself, and so every right."""

    is_staff: bool = True
    is_superuser: bool = True
    permissions: frozenset[str] = frozenset()


def may_grant(actor: Actor, permissions: Collection[str]) -> None:
    """Raises NotAllowed."""
    if not actor.is_superuser and (lacking := set(permissions) - actor.permissions):
        raise NotAllowed(f"You do not hold yourself: {', '.join(sorted(lacking))}")
