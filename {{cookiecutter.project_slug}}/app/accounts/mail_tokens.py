"""What the links in mails carry: the proof that a mail was received.

A token is bound to the state that its user is in when it is made. To use it changes that state, so it works once, and
no table of used ones is needed; whatever else changes the password or the address makes it void, too. (Django's reset
tokens work so.)
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts.keys import load_secrets
from app.accounts.models import User
from app.accounts.schemas import MailTokenData
from app.accounts.tokens import TokenPolicy, sign, verify
from app.settings import PROJECT, Settings


@dataclass(frozen=True)
class MailTokens:
    """Makes and reads those for one purpose."""

    policy: TokenPolicy
    state: tuple[str, ...]
    """The attributes of a user that it is bound to."""

    def create(self, user: User, email: str, now: datetime) -> str:
        return sign(self.policy, now, sub=str(user.id), email=email, state=self._state_of(user))

    def read(self, token: str, now: datetime) -> MailTokenData:
        """Raises InvalidToken. Whether it still fits its user is not asked."""
        return verify(token, self.policy, MailTokenData, now)

    def fits(self, data: MailTokenData, user: User) -> bool:
        return hmac.compare_digest(data.state.encode(), self._state_of(user).encode())

    def _state_of(self, user: User) -> str:
        # The same password set again changes it as well: its hash has another salt.
        return hashlib.sha256(repr([getattr(user, name) for name in self.state]).encode()).hexdigest()


def password_reset_tokens(settings: Settings) -> MailTokens:
    return MailTokens(_policy(settings, "password-reset+jwt", timedelta(hours=1)), ("hashed_password", "email"))


def email_verification_tokens(settings: Settings) -> MailTokens:
    policy = _policy(settings, "email-verification+jwt", timedelta(hours=24))
    return MailTokens(policy, ("hashed_password", "email", "email_verified"))


def _policy(settings: Settings, typ: str, lifetime: timedelta) -> TokenPolicy:
    """Signed with SECRET_KEY, whatever signs access tokens: nobody else has to verify these."""
    name = PROJECT["name"]
    return TokenPolicy(load_secrets(settings), name, name, lifetime, (typ,), ("email", "state"))
