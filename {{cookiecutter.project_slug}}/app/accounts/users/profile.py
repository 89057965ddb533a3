"""Users change or delete their own account."""

from uuid import UUID

from sqlalchemy import delete

from app.accounts.authentication.login import Login
from app.accounts.errors import WrongPassword
from app.accounts.models import User, has_password_of
from app.accounts.users.email import EmailAddresses
from app.accounts.users.own_fields import own_values
from app.accounts.users.schemas import ProfileUpdate
from app.accounts.users.superusers import a_superuser_stays


class Profile(Login, EmailAddresses):
    async def update_profile(self, user_id: UUID, changes: ProfileUpdate) -> User:
        """A new address takes effect when the user uses the link that is mailed to it.

        Raises NotFound, WrongPassword, Taken or Throttled.
        """
        if changes.email is not None and changes.current_password is not None:
            confirmed = await self.confirm_password(user_id, changes.current_password)
            await self.request_new_email(confirmed, changes.email)
        user = await self.get_user(user_id)
        values = own_values("profile", changes)
        if changes.full_name is not None:
            values["full_name"] = changes.full_name
        if values:
            for name, value in values.items():
                setattr(user, name, value)
            await self.db.commit()
        return user

    async def delete_account(self, user_id: UUID, password: str) -> None:
        """Raises WrongPassword, LastSuperuser or Throttled."""
        user = await self.confirm_password(user_id, password)
        async with a_superuser_stays(self.db, user):
            deleted = await self.db.execute(delete(User).where(has_password_of(user)).returning(User.id))
        if deleted.one_or_none() is None:  # the password was changed during the hash
            raise WrongPassword
        await self.db.commit()
