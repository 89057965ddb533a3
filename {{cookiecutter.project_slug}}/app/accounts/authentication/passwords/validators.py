"""Rules for new passwords.

A validator is a function. It takes a password and the names of its user, and yields a `Fault` for each thing that is
wrong. The setting PASSWORD_VALIDATORS lists the dotted paths of validators. The length is always checked: nobody could
log in with a password longer than MAX_LENGTH. There are no rules for kinds of characters: they make passwords worse
(NIST SP 800-63B, 3.1.1.2).

A validator gets the password normalized (NFKC) and no longer than MAX_LENGTH. It runs in a thread, so it may be slow.
"""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

from app.accounts.authentication.passwords.hashing import MAX_LENGTH, MAX_TYPED, normalize
from app.settings import Settings

COMMON_PASSWORDS = Path(__file__).with_name("common.txt.gz")
MAX_SIMILARITY = 0.7  # difflib's measure, with the same limit as in Django
SEPARATORS = re.compile(r"[\W_]+")


class Fault(NamedTuple):
    code: str
    """For programs. Its meaning never changes."""
    message: str
    """For people, a whole sentence."""


class Names(NamedTuple):
    username: str
    email: str
    full_name: str = ""


Validator = Callable[[str, Names], Iterable[Fault]]


@dataclass(frozen=True)
class PasswordPolicy:
    min_length: int
    validators: tuple[Validator, ...]

    def faults(self, password: str, names: Names) -> list[Fault]:
        """Return all faults. The work is bounded for a password of any length."""
        normalized = normalize(password[: MAX_TYPED + 1])
        faults = list(_wrong_length(normalized, self.min_length))
        for validator in self.validators:
            faults += validator(normalized[:MAX_LENGTH], names)
        return faults


def password_policy(settings: Settings) -> PasswordPolicy:
    return PasswordPolicy(settings.password_min_length, tuple(map(resolve_name, settings.password_validators)))


def _wrong_length(password: str, min_length: int) -> Iterator[Fault]:
    if len(password) < min_length:
        message = f"This password is too short. It must contain at least {min_length} characters."
        yield Fault("password_too_short", message)
    if len(password) > MAX_LENGTH:
        message = f"This password is too long. It must contain at most {MAX_LENGTH} characters."
        yield Fault("password_too_long", message)


def too_common(password: str, names: Names) -> Iterator[Fault]:
    if password.casefold().strip() in common_passwords():
        yield Fault("password_too_common", "This password is too common.")


@cache
def common_passwords() -> frozenset[str]:
    """Read the list only for the first new password: it takes 2 MB and 10 ms, and most processes never need it."""
    with gzip.open(COMMON_PASSWORDS, "rt", encoding="utf-8") as file:
        return frozenset(file.read().splitlines())


def entirely_numeric(password: str, names: Names) -> Iterator[Fault]:
    if password.isdigit():
        yield Fault("password_entirely_numeric", "This password is entirely numeric.")


def too_similar(password: str, names: Names) -> Iterator[Fault]:
    labelled = zip(names, ("username", "e-mail address", "full name"), strict=True)
    alike = [label for name, label in labelled if _is_like(password.casefold(), normalize(name).casefold())]
    if alike:
        yield Fault("password_too_similar", f"This password is too similar to the {' and the '.join(alike)}.")


def _is_like(password: str, name: str) -> bool:
    """Compare with the whole name, and with each of its parts."""
    matcher = SequenceMatcher(b=password, autojunk=False)
    for part in {name, *SEPARATORS.split(name)} - {""}:
        matcher.set_seq1(part)
        # Each ratio costs more than the one before, and is never higher. Django stops at the second, which ignores the
        # order of the letters: it refuses two in a hundred random passphrases of three words.
        if all(ratio() >= MAX_SIMILARITY for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)):
            return True
    return False
