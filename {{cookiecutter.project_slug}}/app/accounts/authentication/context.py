"""What every use case of accounts needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import State

from app.accounts.authentication.passwords.pool import Passwords
from app.accounts.authentication.sessions import Device
from app.accounts.authentication.throttling import LoginThrottle, MailThrottle
from app.accounts.authentication.tokens.signing import TokenPolicy
from app.core.tasks import TaskQueue
from app.settings import Settings

COMMAND_LINE = Device("", None)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    """The database session, the application's state, the client, and the clock."""

    state: State
    """The state of the application: settings, keys, password policy, counters, and the task queue."""
    db: AsyncSession
    device: Device = COMMAND_LINE
    now: Callable[[], datetime] = _now

    @property
    def settings(self) -> Settings:
        settings: Settings = self.state.settings
        return settings

    @property
    def passwords(self) -> Passwords:
        passwords: Passwords = self.state.passwords
        return passwords

    @property
    def token_policy(self) -> TokenPolicy:
        policy: TokenPolicy = self.state.token_policy
        return policy

    @property
    def tasks(self) -> TaskQueue:
        """What is sent runs after the commit: send first, then commit."""
        tasks: TaskQueue = self.state.tasks
        return tasks.within(self.db)

    @property
    def logins(self) -> LoginThrottle:
        return LoginThrottle(self.state.limiter, self.settings.login_throttle, self.device.network)

    @property
    def mails(self) -> MailThrottle:
        return MailThrottle(self.state.limiter, self.settings.mail_throttle, self.device.network)
