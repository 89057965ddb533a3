"""The tokens that we sign: JWTs, checked as RFC 8725 requires. Access tokens have the form of RFC 9068.

These are pure functions: keys and times are arguments.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import jwt
from cachetools import LRUCache
from pydantic import ValidationError

from app.accounts.authentication.tokens.claims import Claims, TokenData
from app.accounts.authentication.tokens.keys import KeyRing

ACCESS_TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068, 4: both forms, in any case
COMMON_CLAIMS = ("iss", "aud", "sub", "iat", "exp")
LEEWAY = 10  # s: another machine's clock may be ahead by this much
REMEMBERED = 4096  # verified tokens, about 1 KiB each

AnyClaims = TypeVar("AnyClaims", bound=Claims)


class InvalidToken(Exception):
    pass


@dataclass(frozen=True)
class TokenPolicy:
    """The form of tokens for one purpose. Tokens of any other form are refused (RFC 8725, 3.12)."""

    keys: KeyRing
    issuer: str
    audience: str
    lifetime: timedelta
    types: tuple[str, ...] = ACCESS_TYPES
    """Accepted values of the header `typ`. New tokens have the first one."""
    claims: tuple[str, ...] = ("jti", "sid")
    """The required claims besides the common ones."""


_jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})


def create_access_token(subject: UUID, session_id: UUID, policy: TokenPolicy, now: datetime) -> str:
    return sign(policy, now, sub=str(subject), jti=uuid4().hex, sid=str(session_id))


def sign(policy: TokenPolicy, now: datetime, **claims: str) -> str:
    issued_at = int(now.timestamp())
    times = {"iat": issued_at, "exp": issued_at + int(policy.lifetime.total_seconds())}
    payload = {"iss": policy.issuer, "aud": policy.audience, **times, **claims}
    headers = {"typ": policy.types[0]} | ({"kid": policy.keys.key_id} if policy.keys.key_id else {})
    return _jwt.encode(payload, policy.keys.signing_key, policy.keys.algorithm, headers=headers)


def verify_token(token: str, policy: TokenPolicy, now: datetime) -> TokenData:
    """Raises InvalidToken for every fault."""
    return verify(token, policy, TokenData, now)


def verify(token: str, policy: TokenPolicy, model: type[AnyClaims], now: datetime) -> AnyClaims:
    """Return the claims of a token for this purpose. Raises InvalidToken for every fault."""
    try:
        decoded = _decode(token, policy)
        data = model.model_validate(decoded["payload"])
    except (jwt.PyJWTError, ValidationError) as error:
        raise InvalidToken from error
    if str(decoded["header"].get("typ")).lower() not in policy.types or not _is_current(data, now.timestamp()):
        raise InvalidToken
    return data


def _decode(token: str, policy: TokenPolicy) -> dict[str, Any]:
    key_id = jwt.get_unverified_header(token).get("kid")
    for key in policy.keys.verifying_keys.get(key_id, ()):
        try:
            return _decode_with(key, token, policy)
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError("none of our keys has signed the token")


def _decode_with(key: Any, token: str, policy: TokenPolicy) -> dict[str, Any]:
    return _jwt.decode_complete(
        token,
        key,
        algorithms=[policy.keys.algorithm],  # never the one that the token names (RFC 8725, 3.1)
        issuer=policy.issuer,
        audience=policy.audience,
        options={
            "require": [*COMMON_CLAIMS, *policy.claims],
            "strict_aud": True,
            # `_is_current` checks the times, with the caller's clock and without leeway for the expiry.
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )


def _is_current(data: Claims, now: float) -> bool:
    not_before = max(data.iat, data.nbf or data.iat)
    return not_before <= now + LEEWAY and now < data.exp


class TokenVerifier:
    """Caches verified tokens: a client sends the same token many times.

    A verifier belongs to one set of keys. So when a key is withdrawn, the new verifier has an empty cache.
    """

    def __init__(self, policy: TokenPolicy) -> None:
        self.policy = policy
        self._verified: LRUCache[str, TokenData] = LRUCache(REMEMBERED)

    def verify(self, token: str, now: datetime) -> TokenData:
        """Raises InvalidToken for every fault."""
        data = self._verified.get(token)
        if data is None:
            data = self._verified[token] = verify_token(token, self.policy, now)
        elif now.timestamp() >= data.exp:
            raise InvalidToken
        return data
