"""Login with a name and a password."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import update

from app.accounts.authentication.devices import Devices
from app.accounts.authentication.schemas import Token
from app.accounts.errors import AccountsError, InvalidCredentials, WrongPassword
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
        found = await self.db.get(User, user_id)
        user, _ = await self._check(found, user_id, password, WrongPassword)
        await self.logins.succeeded(user_id)
        return user

    async def _authenticate(self, name: str, password: str) -> User:
        """The caller must commit. Raises Throttled. Raises InvalidCredentials, always after the work of one hash."""
        found = await self.db.scalar(User.named(name))
        account = found.id if found else name
        user, new_hash = await self._check(found, account, password, InvalidCredentials)
        # The user may have changed during the hash, so the UPDATE checks again. It compares the time of the password,
        # not the hash: another login at the same time may have replaced the hash of the same password.
        logged_in = await self.db.execute(
            update(User)
            .where(has_password_of(user), User.disabled.is_(False))
            .values({"last_login": self.now()} | ({"hashed_password": new_hash} if new_hash else {}))
            .returning(User.id)
            .execution_options(audited=False)
        )
        if logged_in.one_or_none() is None:
            await self.db.rollback()  # holds no lock during the call to Redis
            await self.logins.failed(account)
            raise InvalidCredentials
        return user

    async def _check(
        self, user: User | None, account: UUID | str, password: str, wrong: type[AccountsError]
    ) -> tuple[User, str | None]:
        """Return the user, and a hash if it must replace the stored one. Count a wrong password.

        Raises Throttled. Raises `wrong`, always after the work of one hash.
        """
        await self.db.commit()  # gives the connection back, so others can use it while this login waits for its hash
        await self.logins.check(account)
        valid, new_hash = await self.passwords.hasher.check(password, user.hashed_password if user else None)
        if user is None or not valid:
            await self.logins.failed(account)
            raise wrong
        await self.logins.check(account)  # again: many tries at once must not reveal the right password among them
        return user, new_hash
