"""Tokens that we sign: JWTs, checked as RFC 8725 asks. Access tokens have the form of RFC 9068.

Functions of their arguments: the keys and the clock come in.
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

ACCESS_TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068, 4: either form, in any case
COMMON_CLAIMS = ("iss", "aud", "sub", "iat", "exp")
LEEWAY = 10  # s that another machine's clock may be ahead
REMEMBERED = 4096  # verified tokens, about 1 KiB each

AnyClaims = TypeVar("AnyClaims", bound=Claims)


class InvalidToken(Exception):
    pass


@dataclass(frozen=True)
class TokenPolicy:
    """How tokens for one purpose are made, and so the only way in which they are accepted (RFC 8725, 3.12)."""

    keys: KeyRing
    issuer: str
    audience: str
    lifetime: timedelta
    types: tuple[str, ...] = ACCESS_TYPES
    """The header's `typ` of new tokens, and what else it may be."""
    claims: tuple[str, ...] = ("jti", "sid")
    """What a token must have besides the common claims."""


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
    """Raises InvalidToken, whatever is wrong."""
    return verify(token, policy, TokenData, now)


def verify(token: str, policy: TokenPolicy, model: type[AnyClaims], now: datetime) -> AnyClaims:
    """Return the claims of a token for this purpose. Raises InvalidToken, whatever is wrong."""
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
    raise jwt.InvalidSignatureError("none of our keys made it")


def _decode_with(key: Any, token: str, policy: TokenPolicy) -> dict[str, Any]:
    return _jwt.decode_complete(
        token,
        key,
        algorithms=[policy.keys.algorithm],  # never the token's own word for it (RFC 8725, 3.1)
        issuer=policy.issuer,
        audience=policy.audience,
        options={
            "require": [*COMMON_CLAIMS, *policy.claims],
            "strict_aud": True,
            # The times are checked below, against the caller's clock and without leeway for the expiry.
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )


def _is_current(data: Claims, now: float) -> bool:
    not_before = max(data.iat, data.nbf or data.iat)
    return not_before <= now + LEEWAY and now < data.exp


class TokenVerifier:
    """Remembers the tokens that it has verified: a client sends the same one again and again.

    One belongs to one set of keys, and so a key that is withdrawn takes what was remembered with it.
    """

    def __init__(self, policy: TokenPolicy) -> None:
        self.policy = policy
        self._verified: LRUCache[str, TokenData] = LRUCache(REMEMBERED)

    def verify(self, token: str, now: datetime) -> TokenData:
        """Raises InvalidToken, whatever is wrong."""
        data = self._verified.get(token)
        if data is None:
            data = self._verified[token] = verify_token(token, self.policy, now)
        elif now.timestamp() >= data.exp:
            raise InvalidToken
        return data
