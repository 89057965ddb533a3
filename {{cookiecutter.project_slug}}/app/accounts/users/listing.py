"""Pages of users: searched, filtered and sorted."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.accounts.models import Group, User, fold, user_groups
from app.accounts.users.schemas import UserQuery
from app.core.db import keys_by_prefix, ordered_by, paginate, search

FLAGS = {"disabled": User.disabled, "is_staff": User.is_staff, "is_superuser": User.is_superuser}
SEARCHED = (User.username_folded, User.email_folded, User.full_name_folded)
SORTED = {
    "username": User.username_folded,
    "email": User.email_folded,
    "full_name": User.full_name_folded,
    "date_joined": User.date_joined,
    "last_login": User.last_login,
}


async def list_users(db: AsyncSession, query: UserQuery) -> tuple[Sequence[User], int]:
    """Return a page of users with their groups and permissions, and the count, as `app.core.db.search` does."""
    column, descending = SORTED[query.sort.removeprefix("-")], query.sort.startswith("-")
    users = select(User).where(*_conditions(query)).order_by(*ordered_by(column, [User.id], descending=descending))
    users = users.options(selectinload(User.groups).selectinload(Group.permissions))
    if not query.search:
        return await paginate(db, users, query)
    finds = [keys_by_prefix([User.id], column, fold(query.search)) for column in SEARCHED]
    return await search(db, users, finds, query)


def _conditions(query: UserQuery) -> Iterator[ColumnElement[bool]]:
    for name, flag in FLAGS.items():
        if (value := getattr(query, name)) is not None:
            yield flag.is_(value)
    if query.group is not None:
        # A search tests each user that it finds. A list reads the members first. SQLite does not choose by itself.
        members = select(user_groups.c.user_id).where(user_groups.c.group_id == query.group)
        is_member = members.where(user_groups.c.user_id == User.id).exists()
        yield is_member if query.search else User.id.in_(members)
