"""Rates such as `5/15 minutes`: how often something may happen."""

from limits import RateLimitItem, parse_many

MAX_RATE_PERIOD = 366 * 24 * 3600  # s


def parse_rate(value: object) -> RateLimitItem:
    if isinstance(value, RateLimitItem):  # a default
        return value
    try:
        (rate,) = parse_many(value)  # type: ignore[arg-type]  # it checks the type itself
    except ValueError:
        raise ValueError("is not a rate like 5/15 minutes") from None
    if rate.amount < 1 or rate.get_expiry() > MAX_RATE_PERIOD:
        raise ValueError("must allow 1 or more in a year or less, for example 5/15 minutes")
    return rate
