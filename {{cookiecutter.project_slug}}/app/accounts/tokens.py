"""Access tokens: JWTs in the form of RFC 9068, checked as RFC 8725 asks.

Functions of their arguments: the keys and the clock come in.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from pydantic import ValidationError

from app.accounts.schemas import TokenData

TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068, 4: either form, in any case
REQUIRED_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "sid"]
LEEWAY = 10  # s that another machine's clock may be ahead


class InvalidToken(Exception):
    pass


@dataclass(frozen=True)
class TokenPolicy:
    """How tokens are made, and so the only way in which they are accepted."""

    key: bytes = field(repr=False)
    algorithm: str
    issuer: str
    audience: str
    lifetime: timedelta


_jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})


def create_access_token(subject: UUID, session_id: UUID, policy: TokenPolicy, now: datetime) -> str:
    issued_at = int(now.timestamp())
    claims = {
        "iss": policy.issuer,
        "aud": policy.audience,
        "sub": str(subject),
        "iat": issued_at,
        "exp": issued_at + int(policy.lifetime.total_seconds()),
        "jti": uuid4().hex,
        "sid": str(session_id),
    }
    return _jwt.encode(claims, policy.key, policy.algorithm, headers={"typ": TYPES[0]})


def verify_token(token: str, policy: TokenPolicy, now: datetime) -> TokenData:
    """Raises InvalidToken, whatever is wrong."""
    try:
        decoded = _decode(token, policy)
        data = TokenData.model_validate(decoded["payload"])
    except (jwt.PyJWTError, ValidationError) as error:
        raise InvalidToken from error
    if str(decoded["header"].get("typ")).lower() not in TYPES or not _is_current(data, now.timestamp()):
        raise InvalidToken
    return data


def _decode(token: str, policy: TokenPolicy) -> dict[str, Any]:
    return _jwt.decode_complete(
        token,
        policy.key,
        algorithms=[policy.algorithm],  # never the token's own word for it (RFC 8725, 3.1)
        issuer=policy.issuer,
        audience=policy.audience,
        options={
            "require": REQUIRED_CLAIMS,
            "strict_aud": True,
            # The times are checked below, against the caller's clock and without leeway for the expiry.
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )


def _is_current(data: TokenData, now: float) -> bool:
    not_before = max(data.iat, data.nbf or data.iat)
    return not_before <= now + LEEWAY and now < data.exp
