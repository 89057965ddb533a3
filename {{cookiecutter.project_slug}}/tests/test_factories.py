from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import User
from app.accounts.models import Session
from tests.accounts.factories import GroupFactory, PermissionFactory, SessionFactory, UserFactory
from tests.conftest import Login
from tests.core.factories import AuditEntryFactory
from tests.factories import ModelFactory


@pytest.mark.parametrize("factory", [UserFactory, GroupFactory, SessionFactory, AuditEntryFactory])
async def test_rows_of_a_factory_can_be_stored(db: AsyncSession, factory: type[ModelFactory[Any]]) -> None:
    rows = [factory.build(), factory.build()]
    db.add_all(rows)
    await db.commit()

    assert rows[0].id != rows[1].id


def test_columns_that_may_be_empty_or_have_a_default_keep_it() -> None:
    user = UserFactory.build(username="Grace")

    assert (user.username, user.username_folded) == ("Grace", "grace")
    assert not any((user.last_login, user.is_superuser, user.id))  # the defaults come with the INSERT


async def test_a_user_of_the_factory_can_log_in(db: AsyncSession, login: Login) -> None:
    user: User = UserFactory.build(groups=[GroupFactory.build(permissions=[PermissionFactory.build()])])
    user.groups[0].permissions.clear()  # `migrate` makes the permissions, and the next test finds no others
    db.add(user)
    await db.commit()

    assert await login(user)


async def test_a_time_that_no_factory_names_has_a_time_zone(db: AsyncSession) -> None:
    class Factory(ModelFactory[Session]):
        user = UserFactory

    db.add(Factory.build())
    await db.commit()
