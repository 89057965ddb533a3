"""How many wrong passwords are answered, since guessing one online takes thousands; and how many mails are sent.

    logins = LoginThrottle(limiter, rate, address)
    await logins.check(account)          # before the hash, and again before a right password lets in
    await logins.failed(account)         # after a wrong one
    await logins.succeeded(account)      # after a right one

Each raises Throttled. An account is the user's id, or the given name where no user has it. It is not the name of a
user, since users have two, and each would have tries of its own. (What that tells: a client that tries a name five
times, and then an address, learns whether they belong to one account.)
"""

from uuid import UUID

from limits import RateLimitItem

from app.accounts.models import fold
from app.core.web import Limiter, Throttled

ACCOUNT_FACTOR = 10  # against guesses at one account from many addresses
MAIL_ADDRESS_FACTOR = 10  # mails to anybody that one client causes
ADDRESS_FACTOR = 20  # against guesses at many accounts from one address, which may be that of a whole office


class LoginThrottle:
    """Counts the failures that come from one address.

    It takes no locks. Of wrong passwords that are tried at once, all may be hashed, but a failure is counted before it
    is told, and no more are told than the rate allows.
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
            raise Throttled(max(waits))

    async def failed(self, account: UUID | str) -> None:
        """Raises Throttled where this failure must not be told any more."""
        for rate, key in self._counters(account):
            if seconds := await self._limiter.hit(rate, *key):
                raise Throttled(seconds)

    async def succeeded(self, account: UUID | str) -> None:
        """Forget the failures from here for this account; others may have guessed elsewhere."""
        rate, key = self._counters(account)[0]
        await self._limiter.clear(rate, *key)

    def _counters(self, account: UUID | str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        """From the narrowest on: what that refuses does not count in the others."""
        who = ("id", str(account)) if isinstance(account, UUID) else ("name", fold(account))
        return (
            (self._rate, ("login", *who, self._address)),
            (self._per_account, ("login to", *who)),
            (self._per_address, ("login from", self._address)),
        )


class MailThrottle:
    """Counts the mails that we send to an address because a client names it."""

    def __init__(self, limiter: Limiter, rate: RateLimitItem, address: str) -> None:
        self._limiter = limiter
        self._rate = rate
        self._per_address = _times(rate, MAIL_ADDRESS_FACTOR)
        self._address = address

    async def count(self, recipient: str) -> None:
        """Raises Throttled; whether anybody has the recipient's address makes no difference.

        What is refused counts nowhere: clients over their own limit cannot use up the limit of others.
        """
        counters = ((self._rate, ("mail to", fold(recipient))), (self._per_address, ("mail from", self._address)))
        for ask in (self._limiter.wait, self._limiter.hit):
            for rate, key in counters:
                if seconds := await ask(rate, *key):
                    raise Throttled(seconds)


def _times(rate: RateLimitItem, factor: int) -> RateLimitItem:
    return type(rate)(rate.amount * factor, rate.multiples)
