"""Asks one system check."""

from typing import Any

from app.core.checks import Check
from app.core.database import Database
from app.settings import Settings


async def found(check: Check, settings: Settings, database: Database, **changes: Any) -> list[str]:
    """Return the ids of what it finds under changed settings."""
    changed = settings.model_copy(update=changes)
    return [problem.id async for problem in check(changed, database)]
