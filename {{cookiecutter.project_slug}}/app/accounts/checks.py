from collections.abc import AsyncIterator

from app.accounts.passwords import DEFAULT_ROUNDS
from app.core.checks import Problem, check
from app.core.database import Database
from app.settings import Settings


@check(deploy=True)
async def hashes_are_costly(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.bcrypt_rounds < DEFAULT_ROUNDS:
        message = f"BCRYPT_ROUNDS is {settings.bcrypt_rounds}: stolen hashes are quickly guessed."
        yield Problem("accounts.W001", message, f"Set it to {DEFAULT_ROUNDS} or more.")
