"""How we use Redis: no request waits for it long, and an outage is logged once."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

TIMEOUT = 0.5  # s that a request waits for an answer
REDIS_CONNECTIONS = 20
RETRY_AFTER = 5.0  # s


def redis_options(timeout: float | None = None) -> dict[str, Any]:
    """Return the options for a connection pool. `timeout` is in seconds; the default is TIMEOUT."""
    from redis.asyncio.retry import Retry  # takes long to load, and few need it
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError

    timeout = TIMEOUT if timeout is None else timeout
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # After a restart of Redis, a connection turns out to be closed only when it is used.
        "retry": Retry(NoBackoff(), retries=1, supported_errors=(ConnectionError,)),
    }


class Outage:
    """Knows whether a server is away. It logs once that it went, with the consequence, and once that it is back."""

    def __init__(self, server: str, consequence: str) -> None:
        self.is_on = False
        self._server = server
        self._consequence = consequence
        self._retry_at = 0.0

    @property
    def retry_after(self) -> float:
        return RETRY_AFTER  # s

    def allows_a_try(self) -> bool:
        """While the server is away, return True to one caller every RETRY_AFTER seconds. The others need not wait."""
        now = time.monotonic()
        if self.is_on and now < self._retry_at:
            return False
        self._retry_at = now + RETRY_AFTER
        return True

    @contextmanager
    def watch(self, failure: type[Exception]) -> Iterator[None]:
        """Learn from the block whether the server is away. The exception passes through."""
        was_on = self.is_on
        try:
            yield
        except failure as error:
            self._begin(error.__cause__ or error)
            raise
        if was_on and self.is_on:  # not yet ended by another caller
            self._end()

    def _begin(self, error: BaseException) -> None:
        if not self.is_on:
            self.is_on = True
            self._retry_at = time.monotonic() + RETRY_AFTER
            logger.warning("%s is away, %s: %s", self._server, self._consequence, error)

    def _end(self) -> None:
        self.is_on = False
        logger.warning("%s is back.", self._server)
