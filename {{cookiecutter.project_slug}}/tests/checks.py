"""Runs one system check."""

from typing import Any

from app.core.db import Database
from app.core.ops import Check
from app.settings import Settings


async def found(check: Check, settings: Settings, database: Database, **changes: Any) -> list[str]:
    """Return the ids of the problems that the check finds with changed settings."""
    changed = settings.model_copy(update=changes)
    return [problem.id async for problem in check(changed, database)]
