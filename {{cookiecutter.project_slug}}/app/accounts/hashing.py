"""Password hashing off the event loop.

A hash takes 0.2 s of a core. In the loop it would stop every other request for that long; in the default pool of 40
threads a flood of logins would take all cores. So it gets threads of its own, and one core is always left to serve.
"""

import os
from functools import partial

from anyio import CapacityLimiter, to_thread

from app.accounts.passwords import PasswordCheck, check_password, get_password_hash


class PasswordHasher:
    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self._threads = CapacityLimiter(max(1, (os.cpu_count() or 1) - 1))

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(partial(get_password_hash, password, self.rounds), limiter=self._threads)

    async def check(self, plain_password: str, hashed_password: str | None) -> PasswordCheck:
        task = partial(check_password, plain_password, hashed_password, self.rounds)
        return await to_thread.run_sync(task, limiter=self._threads)
