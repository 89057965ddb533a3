"""Login with a name and a password."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import update

from app.accounts.authentication.devices import Devices
from app.accounts.authentication.schemas import Token
from app.accounts.errors import InvalidCredentials, WrongPassword
from app.accounts.models import User, has_password_of


class LoggedIn(NamedTuple):
    user: User
    token: Token


class Login(Devices):
    async def log_in(self, name: str, password: str) -> LoggedIn:
        """Start a session. It ends if its refresh token is not used for REFRESH_TOKEN_EXPIRE_DAYS.

        Raises InvalidCredentials or Throttled.
        """
        user = await self._authenticate(name, password)
        token = await self._start_session(user.id)
        await self.db.commit()
        await self.logins.succeeded(user.id)
        return LoggedIn(user, token)

    async def confirm_password(self, user_id: UUID, password: str) -> User:
        """Return the user if this is their current password.

        Raises WrongPassword, which counts like a failed login, or Throttled.
        """
        user = await self.db.get(User, user_id)
        await self.db.commit()  # gives the connection back, as in `_authenticate`
        logins = self.logins
        await logins.check(user_id)
        valid, _ = await self.passwords.hasher.check(password, user.hashed_password if user else None)
        if user is None or not valid:
            await logins.failed(user_id)
            raise WrongPassword
        await logins.check(user_id)
        await logins.succeeded(user_id)
        return user

    async def _authenticate(self, name: str, password: str) -> User:
        """The caller must commit. Raises Throttled. Raises InvalidCredentials, always after the work of one hash."""
        db, logins = self.db, self.logins
        user = await db.scalar(User.named(name))
        await db.commit()  # gives the connection back, so others can use it while this login waits for its hash
        account = user.id if user else name
        await logins.check(account)
        valid, new_hash = await self.passwords.hasher.check(password, user.hashed_password if user else None)
        if user is None or not valid:
            await logins.failed(account)
            raise InvalidCredentials
        await logins.check(account)  # again: many tries at once must not reveal the right password among them
        # The user may have changed during the hash, so the UPDATE checks again. It compares the time of the password,
        # not the hash: another login at the same time may have replaced the hash of the same password.
        logged_in = await db.execute(
            update(User)
            .where(has_password_of(user), User.disabled.is_(False))
            .values({"last_login": self.now()} | ({"hashed_password": new_hash} if new_hash else {}))
            .returning(User.id)
            .execution_options(audited=False)
        )
        if logged_in.one_or_none() is None:
            await db.rollback()  # holds no lock during the call to Redis
            await logins.failed(account)
            raise InvalidCredentials
        return user
