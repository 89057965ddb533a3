"""What the links in mails carry: the proof that a mail was received.

A token is bound to the state that its user is in when it is made. To use it changes that state, so it works once, and
no table of used ones is needed; whatever else changes the password or the address makes it void, too. (Django's reset
tokens work so.)
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
    """What a new password changes, even the same one again, since its hash has another salt; and a new address, even an
    earlier one again.
    """
    return _digest(user.hashed_password, user.email, user.email_changed_at)


def email_state(user: User) -> str:
    """What a confirmed address changes besides."""
    return _digest(user.hashed_password, user.email, user.email_changed_at, user.email_verified)


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


@dataclass(frozen=True)
class MailTokens:
    """Makes and reads those for one purpose."""

    policy: TokenPolicy
    state: Callable[[User], str]
    """What of a user they are bound to."""

    def create(self, user: User, email: str, now: datetime) -> str:
        return sign(self.policy, now, sub=str(user.id), email=email, state=self.state(user))

    def read(self, token: str, now: datetime) -> MailTokenData:
        """Raises InvalidToken. Whether it still fits its user is not asked."""
        return verify(token, self.policy, MailTokenData, now)

    def fits(self, data: MailTokenData, user: User) -> bool:
        return hmac.compare_digest(data.state.encode(), self.state(user).encode())


def password_reset_tokens(settings: Settings) -> MailTokens:
    return MailTokens(_policy(settings, "password-reset+jwt", RESET_LIFETIME), password_state)


def email_verification_tokens(settings: Settings) -> MailTokens:
    return MailTokens(_policy(settings, "email-verification+jwt", VERIFICATION_LIFETIME), email_state)


def _policy(settings: Settings, typ: str, lifetime: timedelta) -> TokenPolicy:
    """Signed with SECRET_KEY, whatever signs access tokens: nobody else has to verify these."""
    name = PROJECT["name"]
    return TokenPolicy(load_secrets(settings), name, name, lifetime, (typ,), ("email", "state"))
