"""E-mail addresses. Users confirm an address with a link that is mailed to it."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.accounts.authentication.tokens.mail import MailTokens, email_state
from app.accounts.errors import InvalidLink, Taken
from app.accounts.models import User, fold
from app.accounts.tasks import send_email_verification, tell_of_new_email
from app.accounts.users.links import is_unchanged, open_link
from app.accounts.users.lookup import Lookup


class EmailAddresses(Lookup):
    async def request_email_verification(self, user_id: UUID) -> None:
        """Mail the link again, if the address is not confirmed yet. Raises NotFound or Throttled."""
        user = await self.get_user(user_id)
        await self.db.commit()  # gives the connection back during the call to Redis
        await self.mails.count("verification", user.email)
        await self._send_email_verification(user, user.email)
        await self.db.commit()

    async def request_new_email(self, user: User, email: str) -> None:
        """Mail a link to the new address. Only the link changes the user's address. Raises Throttled or Taken."""
        await self.mails.count("verification", email)
        other = await self.find_user(email)
        if other is not None and other.id != user.id:
            raise Taken("email")
        await self._send_email_verification(user, email)
        await self.db.commit()

    async def check_email_link(self, token: str) -> None:
        """Change nothing. Raises InvalidLink."""
        await open_link(self.db, self._email_tokens, token, self.now())

    async def confirm_email(self, token: str) -> str:
        """Set the user's address to the one of the mail, and return it. Raises InvalidLink or Taken."""
        user, data = await open_link(self.db, self._email_tokens, token, self.now())
        old_email, username = user.email, user.username
        confirmed = {"email_verified": True, "email_changed_at": self.now()}
        changes = {"email": data.email, "email_folded": fold(data.email), **confirmed}
        try:
            changed = await self.db.execute(update(User).where(is_unchanged(user)).values(changes).returning(User.id))
        except IntegrityError:
            await self.db.rollback()
            raise Taken("email") from None
        if changed.one_or_none() is None:
            raise InvalidLink
        if data.email != old_email:
            await self.tasks.send(tell_of_new_email, old_email, username)
        await self.db.commit()
        return data.email

    @property
    def _email_tokens(self) -> MailTokens:
        tokens: MailTokens = self.state.email_verification_tokens
        return tokens

    async def _send_email_verification(self, user: User, email: str) -> None:
        await self.tasks.send(send_email_verification, str(user.id), email, email_state(user))
