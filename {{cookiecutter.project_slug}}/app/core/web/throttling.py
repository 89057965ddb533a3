"""Limits how often something may happen, in a route or anywhere else.

@router.post("/feedback", dependencies=[Depends(Throttle("20/minute"))])
async def feedback(): ...

With REDIS_URL, Redis keeps the counters and all replicas share them. Without it, or while Redis is away, each process
keeps its own counters.
"""

import time
from asyncio import Semaphore
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Any, Literal, TypeVar

from fastapi import HTTPException, status
from fastapi.requests import HTTPConnection
from limits import RateLimitItem
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from pydantic import SecretStr

from app.core.settings import PROJECT, parse_rate
from app.core.web.openapi import raises
from app.core.web.redis import REDIS_CONNECTIONS, Outage, redis_options

MAX_COUNTERS = 50_000  # of each rate, about 15 MB

Answer = TypeVar("Answer")


class Throttled(HTTPException):
    """429 with the seconds to wait in `Retry-After` (RFC 6585, 4)."""

    def __init__(self, seconds: int) -> None:
        detail = "Too many requests. Try again later."
        super().__init__(status.HTTP_429_TOO_MANY_REQUESTS, detail, {"Retry-After": str(seconds)})


class MemoryStorage(Storage):
    """Counters of one rate in this process, at most MAX_COUNTERS. Beyond that, the oldest are dropped.

    The library's own storage has no limit, and reads all of its keys at each hit: 70 ms with 100,000 keys.
    """

    STORAGE_SCHEME = None
    base_exceptions = ()

    def __init__(self) -> None:
        super().__init__()
        # All have the same lifetime, so the first one ends first.
        self.counters: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        while self.counters and next(iter(self.counters.values()))[1] <= now:
            self.counters.popitem(last=False)
        count, end = self.counters.get(key, (0, now + expiry))
        self.counters[key] = (count + amount, end)
        if len(self.counters) > MAX_COUNTERS:
            self.counters.popitem(last=False)
        return count + amount

    async def get(self, key: str) -> int:
        count, end = self.counters.get(key, (0, 0.0))
        return count if end > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self.counters.get(key, (0, time.time()))[1]

    async def clear(self, key: str) -> None:
        self.counters.pop(key, None)

    async def reset(self) -> int:
        dropped = len(self.counters)
        self.counters.clear()
        return dropped

    async def check(self) -> bool:
        return True


class Limiter:
    """Counts hits against rates. The key tells who hits what: any number of strings, of any length.

    It counts in fixed windows that begin with the first hit. A counter is one number, however high the rate is. The
    clock of Redis ends a window, not those of the replicas. After `Retry-After`, the whole rate is there again.
    The price: around the end of a window, up to twice the rate can pass. Other strategies must not use the same keys.
    """

    def __init__(self, redis_url: SecretStr | None = None) -> None:
        # Each rate has its own counters, so a flood of one kind (for example mails) drops none of another (logins).
        self._local: defaultdict[RateLimitItem, FixedWindowRateLimiter] = defaultdict(
            lambda: FixedWindowRateLimiter(MemoryStorage())
        )
        self._pool = _redis_pool(redis_url.get_secret_value()) if redis_url else None
        self._redis = FixedWindowRateLimiter(_redis_storage(self._pool)) if self._pool else None
        # redis-py raises an error if all connections are in use. Wait for a free one instead.
        self._turns = Semaphore(REDIS_CONNECTIONS)
        self._outage = Outage("Redis", "each process throttles by itself")

    @property
    def redis_is_away(self) -> bool:
        return self._outage.is_on

    async def redis_state(self) -> Literal["ok", "away", "unused"]:
        """Ask Redis. While it is away, ask only every few seconds."""
        if self._redis is None:
            return "unused"
        await self.wait(parse_rate("1/second"), "health")
        return "away" if self.redis_is_away else "ok"

    async def hit(self, rate: RateLimitItem, *key: str) -> int:
        """Count one. Return 0 if the rate allows it, else the seconds until it does."""
        return await self._seconds(FixedWindowRateLimiter.hit, rate, key)

    async def wait(self, rate: RateLimitItem, *key: str) -> int:
        """Return the same as `hit`, but do not count."""
        return await self._seconds(FixedWindowRateLimiter.test, rate, key)

    async def clear(self, rate: RateLimitItem, *key: str) -> None:
        name = _fingerprint(key)
        await self._ask(rate, lambda limiter: limiter.clear(rate, name))

    async def reset(self) -> None:
        """Forget all that this process counted."""
        self._local.clear()

    async def close(self) -> None:
        if self._pool:
            await self._pool.aclose()

    async def _seconds(self, allows: Callable[..., Awaitable[bool]], rate: RateLimitItem, key: tuple[str, ...]) -> int:
        """Return 0 if the method of the limiter allows it, else the seconds until the window ends."""
        name = _fingerprint(key)

        async def seconds(limiter: FixedWindowRateLimiter) -> int:
            if await allows(limiter, rate, name):
                return 0
            end = (await limiter.get_window_stats(rate, name)).reset_time
            return max(1, ceil(end - time.time()))

        return await self._ask(rate, seconds)

    async def _ask(
        self, rate: RateLimitItem, question: Callable[[FixedWindowRateLimiter], Awaitable[Answer]]
    ) -> Answer:
        if self._redis is not None:
            async with self._turns:
                if self._outage.allows_a_try():
                    with suppress(StorageError), self._outage.watch(StorageError):
                        return await question(self._redis)
        return await question(self._local[rate])


def _fingerprint(key: tuple[str, ...]) -> str:
    """Return a short text, even for a name of 1 MB. It is made from the `repr`, which differs for different tuples."""
    return blake2b(repr(key).encode(), digest_size=16).hexdigest()


def _redis_pool(url: str) -> Any:
    from redis.asyncio import ConnectionPool  # takes long to load, and few need it

    return ConnectionPool.from_url(url, max_connections=REDIS_CONNECTIONS, **redis_options())


def _redis_storage(pool: Any) -> RedisStorage:
    return RedisStorage(
        "redis://",  # the pool knows the address
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=f"{PROJECT['name']}:throttle",
        connection_pool=pool,
    )


def client_address(connection: HTTPConnection) -> str:
    """Return the client's address as the server gives it, for counting.

    The server knows the trusted proxies, and decides whether `X-Forwarded-For` counts. For IPv6 this returns the /64
    network, since one customer has 2^64 addresses or more (RFC 6177). All clients without an address count as one.
    """
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


@raises(429)
class Throttle:
    """A dependency that limits the requests of one client to a route, for example to `20/minute`. More get a 429.

    A router that is included twice counts once.
    """

    def __init__(self, rate: str) -> None:
        self.rate = parse_rate(rate)

    async def __call__(self, connection: HTTPConnection) -> None:
        limiter: Limiter = connection.app.state.limiter
        if seconds := await limiter.hit(self.rate, *_route(connection), client_address(connection)):
            raise Throttled(seconds)


def _route(connection: HTTPConnection) -> tuple[str, ...]:
    """The path alone is not enough: it does not have the prefix of `include_router`."""
    scope = connection.scope
    endpoint = scope["endpoint"]
    return scope.get("method", ""), scope["route"].path, endpoint.__module__, endpoint.__qualname__
