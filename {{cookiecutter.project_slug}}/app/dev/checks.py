from collections.abc import AsyncIterator

from app.core.db import Database
from app.core.ops import Problem, check
from app.settings import Settings


@check(deploy=True)
async def nothing_is_recorded(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.environment == "local":
        message = "/dev shows mails with their tokens, and keeps requests and queries in memory."
        yield Problem("dev.W001", message, "Set ENVIRONMENT=production: then /dev does not exist.")
