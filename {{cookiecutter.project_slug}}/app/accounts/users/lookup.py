from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.accounts.authentication.context import Context
from app.accounts.errors import NotFound
from app.accounts.models import Group, User
from app.accounts.users.listing import list_users
from app.accounts.users.schemas import UserQuery


class Lookup(Context):
    async def find_user(self, name: str) -> User | None:
        """Find a user by the username or the e-mail address."""
        return await self.db.scalar(User.named(name))

    async def get_user(self, user_id: UUID) -> User:
        """Return the user with their groups and permissions. Raises NotFound."""
        groups = selectinload(User.groups).selectinload(Group.permissions)
        query = select(User).where(User.id == user_id).options(groups)
        # Read the user again even if this session has them: they may have changed, for example during a hash.
        user = await self.db.scalar(query.execution_options(populate_existing=True))
        if user is None:
            raise NotFound("This user does not exist")
        return user

    async def list_users(self, query: UserQuery) -> tuple[Sequence[User], int]:
        """Return a page of users with their groups and permissions, and the count, as `paginate` does."""
        return await list_users(self.db, query)
