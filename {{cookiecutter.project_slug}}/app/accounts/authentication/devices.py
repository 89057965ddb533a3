"""The devices where a user is logged in. Each has a session, which its tokens keep alive."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.accounts.authentication import sessions
from app.accounts.authentication.context import Context
from app.accounts.authentication.schemas import Token
from app.accounts.authentication.sessions import RefreshToken
from app.accounts.authentication.tokens.signing import InvalidToken, create_access_token
from app.accounts.errors import NotFound
from app.accounts.models import Session


class Devices(Context):
    async def start_session(self, user_id: UUID) -> Token:
        """Log a user in without a password. The calling code must have authenticated them."""
        token = await self._start_session(user_id)
        await self.db.commit()
        return token

    async def refresh(self, refresh_token: str) -> Token:
        """Exchange a refresh token for new tokens. A used one ends its session. Raises InvalidRefreshToken."""
        return self._token(*await sessions.rotate(self.db, refresh_token, self.now(), self._lifetime))

    async def list_sessions(self, user_id: UUID) -> Sequence[Session]:
        """Return the user's live sessions, the last used one first."""
        return await sessions.live(self.db, user_id, self.now())

    async def end_session(self, user_id: UUID, session_id: UUID) -> None:
        """Log one of the user's devices out. Raises NotFound."""
        if not await sessions.end(self.db, session_id, user_id, self.now()):
            raise NotFound("You do not have this session")
        await self.db.commit()

    async def revoke(self, token: str) -> None:
        """End the session of an access or a refresh token, if there is one."""
        try:
            access = self.state.token_verifier.verify(token, self.now())
            await sessions.end(self.db, access.sid, access.sub, self.now())
        except InvalidToken:
            await sessions.end_by_refresh_token(self.db, token, self.now())
        await self.db.commit()

    @property
    def _lifetime(self) -> timedelta:
        return timedelta(days=self.settings.refresh_token_expire_days)

    async def _start_session(self, user_id: UUID) -> Token:
        """The caller must commit."""
        return self._token(user_id, await sessions.start(self.db, user_id, self.device, self.now(), self._lifetime))

    def _token(self, user_id: UUID, refresh_token: RefreshToken) -> Token:
        policy = self.token_policy
        return Token(
            access_token=create_access_token(user_id, refresh_token.session_id, policy, self.now()),
            expires_in=int(policy.lifetime.total_seconds()),
            refresh_token=str(refresh_token),
        )
