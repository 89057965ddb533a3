"""Users change their password, or set a new one with a link from a mail."""

from uuid import UUID

from sqlalchemy import update

from app.accounts.authentication import sessions
from app.accounts.authentication.login import Login
from app.accounts.authentication.passwords.validators import Names
from app.accounts.authentication.tokens.mail import MailTokens
from app.accounts.errors import InvalidLink, WrongPassword
from app.accounts.models import User, has_password_of
from app.accounts.tasks import send_password_reset, tell_of_new_password
from app.accounts.users.links import is_unchanged, open_link


class NewPassword(Login):
    async def change_password(self, user_id: UUID, current: str, new: str, *, keep: UUID | None = None) -> None:
        """End all sessions except `keep`. Raises WrongPassword, InvalidPassword or Throttled."""
        await self.set_password(await self.confirm_password(user_id, current), new, keep=keep)

    async def request_password_reset(self, email: str) -> None:
        """Mail a link, if a user has the address. It takes the same time if nobody has it. Raises Throttled."""
        await self.mails.count("password reset", email)
        await self.tasks.send(send_password_reset, email)
        await self.db.commit()

    async def check_reset_link(self, token: str) -> None:
        """Change nothing. Raises InvalidLink."""
        await open_link(self.db, self._reset_tokens, token, self.now())

    async def reset_password(self, token: str, new: str) -> None:
        """Set the password and confirm the address of the mail. Raises InvalidLink, InvalidPassword or ServerBusy."""
        user, _ = await open_link(self.db, self._reset_tokens, token, self.now())
        try:
            await self.set_password(user, new, by_mail=True)
        except WrongPassword:  # another request was quicker, perhaps with the same link
            raise InvalidLink from None

    async def set_password(self, user: User, new: str, *, keep: UUID | None = None, by_mail: bool = False) -> None:
        """End all the user's sessions except `keep`, and tell the user by mail. `by_mail` also confirms the address.

        Raises InvalidPassword, or WrongPassword if another password was set meanwhile.
        """
        await self.db.commit()  # gives the connection back, as in `Login`
        new_hash = await self.passwords.hash_new(new, Names(user.username, user.email, user.full_name))
        condition, others = (is_unchanged, {"email_verified": True}) if by_mail else (has_password_of, {})
        values = {"hashed_password": new_hash, "password_changed_at": self.now(), **others}
        statement = update(User).where(condition(user)).values(values)
        if (await self.db.execute(statement.returning(User.id))).one_or_none() is None:
            raise WrongPassword
        await sessions.end_all(self.db, user.id, self.now(), keep=keep)
        await self.tasks.send(tell_of_new_password, user.email, user.username)
        await self.db.commit()

    @property
    def _reset_tokens(self) -> MailTokens:
        tokens: MailTokens = self.state.password_reset_tokens
        return tokens
