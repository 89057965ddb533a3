"""Pages of users: searched, filtered and sorted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from app.accounts.models import Group, User, fold, has_another_address, user_groups
from app.accounts.users.schemas import UserQuery
from app.core.search import Condition, Order, Range, Search, begins_with, find

FLAGS = {"disabled": User.disabled, "is_staff": User.is_staff, "is_superuser": User.is_superuser}
ORDERS = {
    "username": User.username_folded,
    "email": User.email_folded,
    "full_name": User.full_name_folded,
    "date_joined": User.date_joined,
    "last_login": User.last_login,
}


async def list_users(db: AsyncSession, query: UserQuery) -> tuple[Sequence[User], int]:
    """Return a page of users, with their groups and what they may do, and the count, as `app.core.search.find` does."""
    users = select(User).options(selectinload(User.groups).selectinload(Group.permissions))
    return await find(db, users, list(_conditions(query)), _order(query.sort), query)


def _order(sort: str | None) -> Order:
    name = (sort or "username").removeprefix("-")
    descending = sort is not None and sort.startswith("-")
    return Order(ORDERS[name], User.id, descending, nullable=name == "last_login", asked=sort is not None)


def _conditions(query: UserQuery) -> Iterator[Condition]:
    if query.search:
        yield _found_by(fold(query.search))
    for name, flag in FLAGS.items():
        if (value := getattr(query, name)) is not None:
            yield _flagged(flag, value)
    if query.group is not None:
        yield _members(query.group)


def _found_by(prefix: str) -> Search:
    """No username has an `@`."""
    username, email, full_name = (
        Range(begins_with(column, prefix), sorted_by=(column,))
        for column in (User.username_folded, User.email_folded, User.full_name_folded)
    )
    if "@" in prefix:
        return Search((email, full_name))
    return Search((username, replace(email, remainder=(has_another_address,)), full_name))


def _flagged(flag: InstrumentedAttribute[bool], value: bool) -> Range:
    """Not as an equation, with which the flag would be no part of the order: SQLite, where somebody had it ANALYZE the
    table, takes half of all users to be staff, and reads a million along another index to find a few.
    """
    return Range(flag >= literal(value) if value else flag <= literal(value), sorted_by=(flag, User.username_folded))


def _members(group_id: UUID) -> Range:
    in_group, is_member = user_groups.c.group_id == group_id, user_groups.c.user_id == User.id
    # Not as EXISTS, for which PostgreSQL would first read the whole group.
    test = select(user_groups.c.user_id).where(in_group, is_member).correlate(User).scalar_subquery().is_not(None)
    return Range(in_group, join=is_member, test=test)
