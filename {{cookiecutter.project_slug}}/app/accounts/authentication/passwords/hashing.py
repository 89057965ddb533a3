"""Hashing and verifying passwords: functions of their arguments, without database or request.

`passlib` here is libpass, its maintained continuation. The hash is `bcrypt_sha256`, which unlike bcrypt does not
ignore what comes after 72 bytes; plain bcrypt hashes from elsewhere still verify, and are replaced at login.
"""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from passlib.context import CryptContext

DEFAULT_ROUNDS = 12
MAX_LENGTH = 128  # characters, normalized
MAX_TYPED = 4 * MAX_LENGTH  # code points: normalization makes one of four at most (U+1F82 is such a one)


class PasswordCheck(NamedTuple):
    valid: bool
    new_hash: str | None
    """To be stored instead of the old one, where that was made in an older way or at another cost."""


@lru_cache
def _context(rounds: int = DEFAULT_ROUNDS) -> CryptContext:
    return CryptContext(
        schemes=["bcrypt_sha256", "bcrypt"],
        deprecated="auto",
        bcrypt_sha256__rounds=rounds,
    )


def normalize(password: str) -> str:
    """The same characters typed on another keyboard are the same password (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def is_too_long(password: str) -> bool:
    """Nobody has such a password. What is typed is looked at first: to normalize a megabyte can take half a second."""
    return len(password) > MAX_TYPED or len(normalize(password)) > MAX_LENGTH


def get_password_hash(password: str, rounds: int = DEFAULT_ROUNDS) -> str:
    return str(_context(rounds).hash(normalize(password)))


def verify_password(plain_password: str, hashed_password: str) -> bool:
    """False also where nothing can match: an unusable hash, or more bytes than the hash's scheme takes."""
    if is_too_long(plain_password):
        return False
    try:
        return bool(_context().verify(normalize(plain_password), hashed_password))
    except ValueError:
        return False


def check_password(plain_password: str, hashed_password: str | None, rounds: int = DEFAULT_ROUNDS) -> PasswordCheck:
    """Verify, and take as long where there is no user (None) or no usable hash, so that time tells nothing."""
    if hashed_password is None or not _context(rounds).identify(hashed_password):
        verify_password(plain_password, _dummy_hash(rounds))
        return PasswordCheck(False, None)
    if not verify_password(plain_password, hashed_password):
        return PasswordCheck(False, None)
    outdated = _context(rounds).needs_update(hashed_password)
    return PasswordCheck(True, get_password_hash(plain_password, rounds) if outdated else None)


def _dummy_hash(rounds: int) -> str:
    """A hash of the right form and cost that no password is known to have; making a real one would cost start-up."""
    return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${'.' * 22}${'.' * 31}"
