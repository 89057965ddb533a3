"""Hashes and verifies passwords: pure functions, without database or request.

`passlib` is here libpass, its maintained fork. The hash is `bcrypt_sha256`: unlike bcrypt, it reads the whole password,
not only the first 72 bytes. Imported plain bcrypt hashes still verify, and the next login replaces them.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from passlib.context import CryptContext

DEFAULT_ROUNDS = 12
MAX_LENGTH = 128  # characters, normalized
MAX_TYPED = 4 * MAX_LENGTH  # code points: normalization makes one of at most four (for example U+1F82)

# $2b$12$…, $bcrypt-sha256$v=2,t=2b,r=12$… and the older $bcrypt-sha256$2b,12$…
COST = re.compile(r"(?:\$2[abxy]?\$|r=|,)(\d+)\$")


class PasswordCheck(NamedTuple):
    valid: bool
    new_hash: str | None
    """It must replace the stored hash, which has an older scheme or another cost. None if that is up to date."""


@lru_cache
def _context(rounds: int = DEFAULT_ROUNDS) -> CryptContext:
    return CryptContext(
        schemes=["bcrypt_sha256", "bcrypt"],
        deprecated="auto",
        bcrypt_sha256__rounds=rounds,
    )


def normalize(password: str) -> str:
    """Another keyboard may give other code points for the same characters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def is_too_long(password: str) -> bool:
    """No stored password is so long. Check the raw length first: normalizing a megabyte can take half a second."""
    return len(password) > MAX_TYPED or len(normalize(password)) > MAX_LENGTH


def get_password_hash(password: str, rounds: int = DEFAULT_ROUNDS) -> str:
    return str(_context(rounds).hash(normalize(password)))


def verify_password(plain_password: str, hashed_password: str) -> bool:
    """Return False also for an unusable hash, and for more bytes than the scheme takes."""
    try:
        return not is_too_long(plain_password) and _verify(plain_password, hashed_password)
    except ValueError:
        return False


def _verify(plain_password: str, hashed_password: str) -> bool:
    """Raises ValueError, before any work, for an unusable hash, and for more bytes than the scheme takes."""
    return bool(_context().verify(normalize(plain_password), hashed_password))


def check_password(plain_password: str, hashed_password: str | None, rounds: int = DEFAULT_ROUNDS) -> PasswordCheck:
    """Verify the password. The time of a refusal reveals nothing: it is that of one hash at `rounds`, also if there is
    no user (None), no usable hash, or one of a lower cost. (A hash of a higher cost takes longer until the next login.)
    """
    try:
        valid, missing = _verify(plain_password, hashed_password or ""), range(_cost(hashed_password or ""), rounds)
    except ValueError:
        valid, missing = False, range(rounds, rounds + 1)
    if not valid:
        for cost in missing:  # each round doubles the work: 2^4, 2^4 and 2^5 make 2^6
            _verify(plain_password, _dummy_hash(cost))
        return PasswordCheck(False, None)
    outdated = _context(rounds).needs_update(hashed_password)
    return PasswordCheck(True, get_password_hash(plain_password, rounds) if outdated else None)


def _cost(hashed_password: str) -> int:
    """Return the rounds of a hash: the work is 2 to the power of them. Raises ValueError if it has none."""
    match = COST.search(hashed_password)
    if match is None:
        raise ValueError("no hash")
    return int(match[1])


def _dummy_hash(rounds: int) -> str:
    """Return a hash of the right form and cost, for no known password. A real hash would slow down the start."""
    return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${'.' * 22}${'.' * 31}"
