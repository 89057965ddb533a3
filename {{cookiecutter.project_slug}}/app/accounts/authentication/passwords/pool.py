"""Hashes passwords outside the event loop, in a bounded queue.

A hash takes 0.2 s of a core. In the loop, it would stop all other requests for this time. In the default pool of 40
threads, a flood of logins would take all cores. So hashing has its own threads, and one core always stays free.
A job that would wait longer than MAX_WAIT is refused at once: few clients wait longer, and each one takes memory. If
the machine becomes slower, a job is refused after MAX_WAIT. So a server that must end can answer all in time.
"""

import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import status
from prometheus_client import Gauge

from app.accounts.authentication.passwords.hashing import (
    DEFAULT_ROUNDS,
    PasswordCheck,
    check_password,
    get_password_hash,
    is_too_long,
)
from app.accounts.authentication.passwords.validators import Fault, Names, PasswordPolicy, password_policy
from app.accounts.errors import AccountsError
from app.core.web import ServerBusy
from app.settings import Settings

JOBS = Gauge(
    "password_hashing_jobs",
    "Passwords that wait to be hashed, or are being hashed now.",
    multiprocess_mode="livesum",
)

MAX_WAIT = 5.0  # s of hashing
USUAL_TIME = 0.2  # s that a hash at DEFAULT_ROUNDS takes on most machines

Result = TypeVar("Result")
Clock = Callable[[], float]


def cores(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many cores this process may use: a container often has fewer than its machine.

    `limit` has the time in µs that the container may use in each period, and the period (cgroup v2 of Linux).
    """
    usable = os.cpu_count() or 1
    if sys.platform == "linux":
        usable = len(os.sched_getaffinity(0))
    try:
        time, period = limit.read_text().split()
        return min(usable, max(1, int(time) // int(period)))
    except (OSError, ValueError):  # another system, or `max`: no limit
        return usable


class PasswordHasher:
    """Raises ServerBusy if more than MAX_WAIT of hashing is waiting, or a job has waited so long."""

    def __init__(self, rounds: int, threads: int | None = None, clock: Clock = perf_counter) -> None:
        self.rounds = rounds
        self._threads = threads or max(1, cores() - 1)
        self._limiter = CapacityLimiter(self._threads)
        self._clock = clock
        self._jobs = 0  # waiting or running
        # The times of the last jobs. Their median ignores single slow ones, for example the first, which also loads the
        # library. Before the first jobs end, there are two guesses.
        self._times = deque([USUAL_TIME * 2.0 ** (rounds - DEFAULT_ROUNDS)] * 2, maxlen=9)

    async def hash(self, password: str) -> str:
        return await self._run(partial(get_password_hash, password, self.rounds))

    async def check(self, plain_password: str, hashed_password: str | None) -> PasswordCheck:
        if is_too_long(plain_password):  # takes no time, so it must not count in the times of checks
            return PasswordCheck(False, None)
        return await self._run(partial(check_password, plain_password, hashed_password, self.rounds))

    def wait(self) -> float:
        """Return the seconds until all waiting jobs will have begun."""
        waiting = max(0, self._jobs - self._threads)
        return waiting * median(self._times) / self._threads

    async def _run(self, job: Callable[[], Result]) -> Result:
        if (wait := self.wait()) > MAX_WAIT:
            raise ServerBusy(wait)
        self._jobs += 1  # before the first await: of many jobs at once, each must see those before it
        try:
            with JOBS.track_inprogress(), fail_after(MAX_WAIT):  # until it begins: a job that runs is not interrupted
                result, seconds = await to_thread.run_sync(self._timed, job, limiter=self._limiter)
        except TimeoutError:
            raise ServerBusy(MAX_WAIT) from None
        finally:
            self._jobs -= 1
        self._times.append(seconds)
        return result

    def _timed(self, job: Callable[[], Result]) -> tuple[Result, float]:
        started = self._clock()
        return job(), self._clock() - started


class InvalidPassword(AccountsError):
    """Its `faults` are all faults of the password in `field`. Its text is their messages, one per line."""

    status_code = status.HTTP_422_UNPROCESSABLE_CONTENT

    def __init__(self, faults: list[Fault], field: str) -> None:
        super().__init__("\n".join(fault.message for fault in faults))
        self.faults = faults
        self.field = field

    @property
    def detail(self) -> Any:
        """Return the faults in FastAPI's form for invalid fields."""
        return [{"type": fault.code, "loc": ["body", self.field], "msg": fault.message} for fault in self.faults]


@dataclass(frozen=True)
class Passwords:
    """Judges, hashes and checks passwords for the use cases."""

    hasher: PasswordHasher
    policy: PasswordPolicy

    @classmethod
    def of(cls, settings: Settings) -> "Passwords":
        return cls(PasswordHasher(settings.bcrypt_rounds), password_policy(settings))

    async def hash_new(self, password: str, names: Names, field: str = "new_password") -> str:
        """Raises InvalidPassword or ServerBusy."""
        await self.judge(password, names, field)
        return await self.hasher.hash(password)

    async def judge(self, password: str, names: Names, field: str) -> None:
        """Raises InvalidPassword."""
        if faults := await to_thread.run_sync(self.policy.faults, password, names):
            raise InvalidPassword(faults, field)
