"""Staff log in with a browser: a session without tokens, which a signed cookie names."""

from datetime import timedelta
from uuid import UUID

from app.accounts.authentication import sessions
from app.accounts.authentication.current_user import AuthenticatedUser, find_staff
from app.accounts.authentication.login import Login
from app.accounts.errors import InvalidCredentials
from app.core.audit import Actor, acting
from app.core.db import Database

STAFF_SESSION = timedelta(hours=12)  # unused: it lasts through a working day, and not through the night
TOUCHED_AFTER = timedelta(minutes=5)  # so often at most it is written down that a session is used


class Staff(Login):
    async def log_in_staff(self, name: str, password: str) -> UUID:
        """Return the id of a session for a browser; the cookie that names it must be signed.

        Raises InvalidCredentials, also where the user is not staff, or Throttled.
        """
        user = await self._authenticate(name, password)
        account, is_staff = user.id, user.is_staff
        if not is_staff:
            await self.db.rollback()
            await self.logins.failed(account)  # else a right password would be known by never being refused
            raise InvalidCredentials
        session_id = sessions.start_in_browser(self.db, account, self.device, self.now(), STAFF_SESSION)
        await self.db.commit()
        await self.logins.succeeded(account)
        return session_id

    async def get_staff_user(self, session_id: UUID) -> AuthenticatedUser | None:
        """Return the user of the session, as long as it lasts and they are staff. Each use puts its end off."""
        database: Database = self.state.database
        now = self.now()
        found = await find_staff(database, session_id, now)
        if found is None:
            return None
        user, last_used_at = found
        acting.set(Actor(user.id, user.username))
        if now - last_used_at > TOUCHED_AFTER:
            await sessions.keep_alive(self.db, session_id, now, STAFF_SESSION)
            await self.db.commit()
        return user
