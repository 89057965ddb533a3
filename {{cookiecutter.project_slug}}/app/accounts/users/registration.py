"""Registration, invitations and superusers."""

from sqlalchemy.exc import IntegrityError

from app.accounts.authentication.current_user import AuthenticatedUser
from app.accounts.authentication.passwords.validators import Names
from app.accounts.errors import NotAllowed, Taken
from app.accounts.models import User
from app.accounts.tasks import send_invitation
from app.accounts.users.email import EmailAddresses
from app.accounts.users.own_fields import own_values
from app.accounts.users.schemas import NewUser, UserRegister

UNUSABLE = "!"
"""Instead of a hash, for a user who has no password yet."""


class Registration(EmailAddresses):
    async def create_user(self, caller: AuthenticatedUser | None, new: UserRegister) -> User:
        """Invite the new user if the caller may add users. Otherwise register the caller.

        Raises the errors of `register`.
        """
        if caller is not None and caller.may("accounts.add_user"):
            return await self.invite_user(new)
        return await self.register(new)

    async def register(self, new: UserRegister) -> User:
        """Make an account for the caller, and mail them a link to confirm the address.

        Raises NotAllowed if registration is closed, InvalidPassword, Throttled or Taken. An invalid password does not
        count for the throttle.
        """
        if not self.settings.registration_open:
            raise NotAllowed("Registration is closed")
        password = new.password or ""
        await self.passwords.judge(password, _names(new), "password")
        await self.mails.count("registration", new.email)
        user = await self._add(new, await self.passwords.hasher.hash(password))
        await self._send_email_verification(user, user.email)
        await self.db.commit()
        return user

    async def invite_user(self, new: UserRegister) -> User:
        """Add a user, and mail them a link to set a password. Raises InvalidPassword or Taken."""
        user = await self._add(new, await self._hash(new, new.password) if new.password is not None else UNUSABLE)
        await self.tasks.send(send_invitation, str(user.id))
        await self.db.commit()
        return user

    async def create_superuser(self, new: NewUser, password: str) -> User:
        """Raises InvalidPassword or Taken."""
        user = await self._add(new, await self._hash(new, password), is_superuser=True)
        await self.db.commit()
        return user

    async def _hash(self, new: NewUser, password: str) -> str:
        return await self.passwords.hash_new(password, _names(new), "password")

    async def _add(self, new: NewUser, hashed_password: str, *, is_superuser: bool = False) -> User:
        """Leave the commit to the caller. Raises Taken."""
        user = User(
            username=new.username,
            email=new.email,
            full_name=new.full_name,
            hashed_password=hashed_password,
            is_staff=is_superuser,
            is_superuser=is_superuser,
            groups=[],
            **own_values("registration", new),
        )
        self.db.add(user)
        try:
            await self.db.flush()
        except IntegrityError:
            await self.db.rollback()
            raise Taken("username" if await self.find_user(new.username) else "email") from None
        return user


def _names(new: NewUser) -> Names:
    return Names(new.username, new.email, new.full_name)
