from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import Group, User
from app.core.audit import AuditEntry
from app.core.db import upsert
from tests.accounts.factories import GroupFactory


def user(name: str, **values: Any) -> dict[str, Any]:
    email = f"{name}@example.com"
    names = {"username": name, "username_folded": name, "email": email, "email_folded": email}
    return {**names, "hashed_password": "!", **values}


async def test_rows_are_added_and_those_that_are_there_are_returned(db: AsyncSession) -> None:
    there = GroupFactory.build(name="there")
    db.add(there)
    await db.commit()

    found = await upsert(db, Group, [{"name": "new"}, {"name": "there"}], key=[Group.name])
    await db.commit()

    assert {group.name for group in found} == {"new", "there"}
    assert next(group for group in found if group.name == "there") is there
    assert len((await db.scalars(select(Group))).all()) == 2


async def test_a_row_that_is_there_gets_the_values(db: AsyncSession) -> None:
    (added,) = await upsert(db, User, [user("ada", full_name="Ada")], key=[User.username_folded])
    assert (added.full_name, added.disabled) == ("Ada", False)  # a default of the column
    added.disabled = True
    await db.commit()

    (changed,) = await upsert(db, User, [user("ada", full_name="Countess")], key=[User.username_folded])
    await db.commit()

    assert changed is added
    assert (changed.full_name, changed.disabled) == ("Countess", True)


async def test_without_rows_it_does_nothing(db: AsyncSession) -> None:
    assert await upsert(db, Group, [], key=[Group.name]) == []
    assert not db.in_transaction()


async def test_the_audit_log_counts_the_rows(db: AsyncSession) -> None:
    await upsert(db, Group, [{"name": "one"}, {"name": "two"}], key=[Group.name])
    await db.commit()

    entry = (await db.scalars(select(AuditEntry).where(AuditEntry.model == "accounts.group"))).one()
    assert (entry.action, entry.object_name) == ("add", "2 rows")
