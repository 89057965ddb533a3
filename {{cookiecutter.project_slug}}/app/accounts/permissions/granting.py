"""Users can grant only the rights that they have."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from app.accounts.errors import NotAllowed


class Actor(Protocol):
    """The user who acts: an AuthenticatedUser, or a User with loaded groups."""

    @property
    def is_staff(self) -> bool: ...
    @property
    def is_superuser(self) -> bool: ...
    @property
    def permissions(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Operator:
    """Somebody who runs commands. They have full access to the database, so they have every right."""

    is_staff: bool = True
    is_superuser: bool = True
    permissions: frozenset[str] = frozenset()


def may_grant(actor: Actor, permissions: Collection[str]) -> None:
    """Raises NotAllowed."""
    if not actor.is_superuser and (lacking := set(permissions) - actor.permissions):
        raise NotAllowed(f"You do not have: {', '.join(sorted(lacking))}")
