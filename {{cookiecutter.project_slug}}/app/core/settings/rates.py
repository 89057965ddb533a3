"""How often something may happen, as in `5/15 minutes`."""

from limits import RateLimitItem, parse_many

MAX_RATE_PERIOD = 366 * 24 * 3600  # s


def parse_rate(value: object) -> RateLimitItem:
    if isinstance(value, RateLimitItem):  # a default
        return value
    try:
        (rate,) = parse_many(value)  # type: ignore[arg-type]  # whatever it is, it says so itself
    except ValueError:
        raise ValueError("is not a rate such as 5/15 minutes") from None
    if rate.amount < 1 or rate.get_expiry() > MAX_RATE_PERIOD:
        raise ValueError("must allow 1 or more in a year or less, as in 5/15 minutes")
    return rate
