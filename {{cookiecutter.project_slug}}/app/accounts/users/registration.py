"""How users come into being."""

from sqlalchemy.exc import IntegrityError

from app.accounts.authentication.current_user import AuthenticatedUser
from app.accounts.authentication.passwords.validators import Names
from app.accounts.errors import NotAllowed, Taken
from app.accounts.models import User
from app.accounts.tasks import send_invitation
from app.accounts.users.email import EmailAddresses
from app.accounts.users.schemas import NewUser, UserRegister

UNUSABLE = "!"
"""Stands for the hash of a password that has never been set."""


class Registration(EmailAddresses):
    async def create_user(self, caller: AuthenticatedUser | None, new: UserRegister) -> User:
        """Invite the new user where the caller may add users; else it is the caller who registers.

        Raises as `register` does.
        """
        if caller is not None and caller.may("accounts.add_user"):
            return await self.invite_user(new)
        return await self.register(new)

    async def register(self, new: UserRegister) -> User:
        """Make an account for a caller who asks for one; a mail lets them confirm the address.

        Raises NotAllowed where registration is closed, InvalidPassword, which counts as no mail, Throttled, or Taken.
        """
        if not self.settings.registration_open:
            raise NotAllowed("Registration is closed")
        password = new.password or ""
        await self.passwords.judge(password, _names(new), "password")
        await self.mails.count(new.email)
        user = await self._add(new, await self.passwords.hasher.hash(password))
        await self._send_email_verification(user, user.email)
        await self.db.commit()
        return user

    async def invite_user(self, new: UserRegister) -> User:
        """Add a user, who is mailed a link to set a password. Raises InvalidPassword, or Taken."""
        user = await self._add(new, await self._hash(new, new.password) if new.password is not None else UNUSABLE)
        await self.tasks.send(send_invitation, str(user.id))
        await self.db.commit()
        return user

    async def create_superuser(self, new: NewUser, password: str) -> User:
        """Raises InvalidPassword, or Taken."""
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
