"""Tokens in the links of mails. They prove that somebody received the mail.

A token contains a hash of the user's state. Using the token changes this state, so it works only once, without a table
of used tokens. Any other change of the password or the address makes it invalid too. Django does the same.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts.authentication.tokens.claims import MailTokenData
from app.accounts.authentication.tokens.keys import load_secrets
from app.accounts.authentication.tokens.signing import TokenPolicy, sign, verify
from app.accounts.models import User
from app.core.settings import PROJECT
from app.settings import Settings

RESET_LIFETIME, VERIFICATION_LIFETIME = timedelta(hours=1), timedelta(hours=24)


def password_state(user: User) -> str:
    """Return a hash that changes with each new password, even the same one, and with each new address, even an earlier
    one. A login that replaces an old kind of hash does not change it.
    """
    return _digest(_seconds(user.password_changed_at), user.email, _seconds(user.email_changed_at))


def email_state(user: User) -> str:
    """Return a hash that also changes when the address is confirmed."""
    return _digest(password_state(user), user.email_verified)


def _seconds(time: datetime | None) -> float | None:
    """The same in every time zone: PostgreSQL returns times in that of its connection."""
    return time.timestamp() if time else None


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


@dataclass(frozen=True)
class MailTokens:
    """Makes and reads tokens for one purpose."""

    policy: TokenPolicy
    state: Callable[[User], str]
    """What of a user they are bound to."""

    def create(self, user: User, email: str, now: datetime) -> str:
        return sign(self.policy, now, sub=str(user.id), email=email, state=self.state(user))

    def read(self, token: str, now: datetime) -> MailTokenData:
        """Raises InvalidToken. It does not check whether the token still fits its user."""
        return verify(token, self.policy, MailTokenData, now)

    def fits(self, data: MailTokenData, user: User) -> bool:
        return hmac.compare_digest(data.state.encode(), self.state(user).encode())


def password_reset_tokens(settings: Settings) -> MailTokens:
    return MailTokens(_policy(settings, "password-reset+jwt", RESET_LIFETIME), password_state)


def email_verification_tokens(settings: Settings) -> MailTokens:
    return MailTokens(_policy(settings, "email-verification+jwt", VERIFICATION_LIFETIME), email_state)


def _policy(settings: Settings, typ: str, lifetime: timedelta) -> TokenPolicy:
    """Sign with SECRET_KEY, even if access tokens have another algorithm: no other service verifies these tokens."""
    name = PROJECT["name"]
    return TokenPolicy(load_secrets(settings), name, name, lifetime, (typ,), ("email", "state"))
