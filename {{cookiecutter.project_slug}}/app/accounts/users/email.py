"""An e-mail address is a user's own once they have used a link that was mailed to it."""

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
        """Mail the link once more, where the address is not confirmed yet. Raises NotFound, or Throttled."""
        user = await self.get_user(user_id)
        await self.db.commit()  # gives the connection back while Redis is asked
        await self.mails.count(user.email)
        await self._send_email_verification(user, user.email)
        await self.db.commit()

    async def request_new_email(self, user: User, email: str) -> None:
        """It becomes the user's once the link that is mailed to it was used. Raises Throttled, or Taken."""
        await self.mails.count(email)
        other = await self.find_user(email)
        if other is not None and other.id != user.id:
            raise Taken("email")
        await self._send_email_verification(user, email)
        await self.db.commit()

    async def check_email_link(self, token: str) -> None:
        """Changes nothing. Raises InvalidLink."""
        await open_link(self.db, self._email_tokens, token, self.now())

    async def confirm_email(self, token: str) -> str:
        """Make the address that the mail went to the user's own, and return it. Raises InvalidLink, or Taken."""
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
