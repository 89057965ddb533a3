"""Login of staff with a browser. The session has no tokens; a signed cookie contains its id."""

from datetime import timedelta
from uuid import UUID

from app.accounts.authentication import sessions
from app.accounts.authentication.current_user import AuthenticatedUser, find_staff
from app.accounts.authentication.login import Login
from app.accounts.errors import InvalidCredentials
from app.core.audit import Actor, acting
from app.core.db import Database

STAFF_SESSION = timedelta(hours=12)  # since the last use: a working day, but not the night
TOUCHED_AFTER = timedelta(minutes=5)  # the time of the last use is stored at most so often


class Staff(Login):
    async def log_in_staff(self, name: str, password: str) -> UUID:
        """Return the id of a new browser session. The cookie that contains it must be signed.

        Raises InvalidCredentials, also if the user is not staff, or Throttled.
        """
        user = await self._authenticate(name, password)
        account, is_staff = user.id, user.is_staff
        if not is_staff:
            await self.db.rollback()
            await self.logins.failed(account)  # else a right password would stand out: it would never be throttled
            raise InvalidCredentials
        session_id = await sessions.start_in_browser(self.db, account, self.device, self.now(), STAFF_SESSION)
        await self.db.commit()
        await self.logins.succeeded(account)
        return session_id

    async def get_staff_user(self, session_id: UUID) -> AuthenticatedUser | None:
        """Return the user if the session is live and they are staff. Each use extends the session."""
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
