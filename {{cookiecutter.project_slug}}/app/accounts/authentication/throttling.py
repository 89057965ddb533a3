"""Limits wrong passwords, since guessing one online takes thousands of tries. Limits mails too.

    logins = LoginThrottle(limiter, rate, address)
    await logins.check(account)          # before the hash, and again before a right password logs in
    await logins.failed(account)         # after a wrong password
    await logins.succeeded(account)      # after a right password

The first two raise Throttled. An account is the user's id, or the given name if no user has it. It is not the name of a
user: users have two names, and each would have its own tries. (This reveals one thing: a client that tries a username
five times, and then an e-mail address, learns whether both belong to one account.)
"""

import logging
from uuid import UUID

from limits import RateLimitItem
from prometheus_client import Counter

from app.accounts.models import fold
from app.core.web import Limiter, Throttled

logger = logging.getLogger(__name__)

LOGINS = Counter("logins", "Checks of a password, at a login or before a change.", ["outcome"])

ACCOUNT_FACTOR = 10  # against guesses at one account from many addresses
MAIL_ADDRESS_FACTOR = 10  # for mails that one client causes to any recipients
ADDRESS_FACTOR = 20  # against guesses at many accounts from one address; a whole office may share one


class LoginThrottle:
    """Counts the failed logins from one address.

    It has no locks. Many wrong passwords at once may all be hashed. But each failure is counted before it is answered,
    and no more failures are answered than the rate allows.
    """

    def __init__(self, limiter: Limiter, rate: RateLimitItem, address: str) -> None:
        self._limiter = limiter
        self._rate = rate
        self._per_account = _times(rate, ACCOUNT_FACTOR)
        self._per_address = _times(rate, ADDRESS_FACTOR)
        self._address = address

    async def check(self, account: UUID | str) -> None:
        waits = [await self._limiter.wait(rate, *key) for rate, key in self._counters(account)]
        if any(waits):
            LOGINS.labels("throttled").inc()
            raise _refused("LOGIN_THROTTLE", self._address, max(waits))

    async def failed(self, account: UUID | str) -> None:
        """Count a failure. Raises Throttled if the rate does not allow to answer it."""
        LOGINS.labels("failed").inc()
        for rate, key in self._counters(account):
            if seconds := await self._limiter.hit(rate, *key):
                raise _refused("LOGIN_THROTTLE", self._address, seconds)

    async def succeeded(self, account: UUID | str) -> None:
        """Forget the failures for this account from this address, but not those from other addresses."""
        LOGINS.labels("succeeded").inc()
        rate, key = self._counters(account)[0]
        await self._limiter.clear(rate, *key)

    def _counters(self, account: UUID | str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        """Return the narrowest counter first: failures that it refuses do not count in the others."""
        who = ("id", str(account)) if isinstance(account, UUID) else ("name", fold(account))
        return (
            (self._rate, ("login", *who, self._address)),
            (self._per_account, ("login to", *who)),
            (self._per_address, ("login from", self._address)),
        )


class MailThrottle:
    """Counts the mails that a client causes by naming an address.

    Each kind of mail has its own counters. Otherwise somebody who registers with the address of another person again
    and again could keep this person from resetting a password.
    """

    def __init__(self, limiter: Limiter, rate: RateLimitItem, address: str) -> None:
        self._limiter = limiter
        self._rate = rate
        self._per_address = _times(rate, MAIL_ADDRESS_FACTOR)
        self._address = address

    async def count(self, kind: str, recipient: str) -> None:
        """Raises Throttled. It makes no difference whether a user has the recipient's address.

        A refused mail does not count: clients above their own limit must not use up the limit of others.
        """
        counters = (
            (self._rate, ("mail to", kind, fold(recipient))),
            (self._per_address, ("mail from", kind, self._address)),
        )
        for ask in (self._limiter.wait, self._limiter.hit):
            for rate, key in counters:
                if seconds := await ask(rate, *key):
                    raise _refused("MAIL_THROTTLE", self._address, seconds)


def _refused(setting: str, address: str, seconds: int) -> Throttled:
    """The answer does not tell which limit it is. But the log names the setting, for whom it is too low."""
    logger.warning("%s refuses a client at %s for %d s.", setting, address or "an unknown address", seconds)
    return Throttled(seconds)


def _times(rate: RateLimitItem, factor: int) -> RateLimitItem:
    return type(rate)(rate.amount * factor, rate.multiples)
