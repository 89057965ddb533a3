"""What the audit log records of all that a session does."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, Permission, Session, User
from app.core.audit.actor import Actor, acting, place
from app.core.audit.changes import MAX_TEXT
from app.core.audit.events import AppendOnly, record
from app.core.audit.models import AuditEntry
from app.core.cli import open_database


async def log(db: AsyncSession) -> Sequence[AuditEntry]:
    return (await db.scalars(select(AuditEntry).order_by(AuditEntry.at))).all()


async def test_a_new_row_is_told_with_its_values(db: AsyncSession) -> None:
    group = Group(name="editors", permissions=[])
    db.add(group)
    await db.commit()

    (entry,) = await log(db)

    assert (entry.action, entry.model) == ("add", "accounts.group")
    assert (entry.object_id, entry.object_name) == (str(group.id), "editors")
    assert entry.changes == {"name": ["editors"]}
    assert abs((datetime.now(UTC) - entry.at).total_seconds()) < 60


async def test_a_change_is_told_with_both_values(db: AsyncSession, user: User) -> None:
    user.full_name, user.disabled = "Alice", True
    await db.commit()

    entry = (await log(db))[-1]

    assert (entry.action, entry.model, entry.object_name) == ("change", "accounts.user", "alice")
    assert entry.changes == {"full_name": ["", "Alice"], "disabled": [False, True]}


async def test_who_and_from_where_is_told(db: AsyncSession, user: User) -> None:
    acting.set(Actor(user.id, "alice"))
    place.set("192.0.2.7")
    user.full_name = "Alice"
    await db.commit()

    entry = (await log(db))[-1]

    assert (entry.actor_id, entry.actor, entry.place) == (user.id, "alice", "192.0.2.7")


async def test_what_changes_nothing_is_not_told(db: AsyncSession, user: User) -> None:
    before = len(await log(db))
    user.full_name = user.full_name
    await db.commit()
    user.full_name = "Alice"
    await db.rollback()

    assert len(await log(db)) == before


async def test_a_secret_is_never_told(db: AsyncSession, user: User) -> None:
    user.hashed_password = "changed by hand"
    await db.commit()
    await db.execute(update(User).where(User.hashed_password == "changed by hand").values(hashed_password="again"))
    await db.commit()

    added, *changed = await log(db)

    assert "hashed_password" not in added.changes
    assert [entry.changes for entry in changed] == [{"hashed_password": "changed"}] * 2
    told = str([(entry.changes, entry.object_name) for entry in (added, *changed)])
    assert not [secret for secret in ("by hand", "again", "$bcrypt") if secret in told]


async def test_who_joins_and_leaves_is_told(db: AsyncSession, user: User) -> None:
    await db.refresh(user, ["groups"])
    user.groups = [Group(name="editors", permissions=[]), Group(name="authors", permissions=[])]
    await db.commit()
    user.groups = user.groups[:1]
    await db.commit()

    *_, joined, left = [entry for entry in await log(db) if entry.model == "accounts.user"]

    assert joined.changes == {"groups": {"added": ["authors", "editors"], "removed": []}}
    assert left.changes == {"groups": {"added": [], "removed": ["authors"]}}


async def test_what_is_deleted_leaves_its_name_and_its_history(db: AsyncSession, user: User) -> None:
    await db.delete(user)
    await db.commit()

    added, deleted = await log(db)

    assert (deleted.action, deleted.object_name, deleted.changes) == ("delete", "alice", {})
    assert added.object_id == deleted.object_id == str(user.id)


async def test_a_statement_is_told_with_what_is_known_of_it(db: AsyncSession, user: User) -> None:
    statement = update(User).where(User.id == user.id, User.username == "alice")
    returned = await db.execute(statement.values(full_name="Alice", date_joined=User.date_joined).returning(User.id))
    await db.commit()

    entry = (await log(db))[-1]

    assert returned.scalar_one() == user.id
    assert (entry.action, entry.object_id, entry.object_name) == ("change", str(user.id), "alice")
    assert entry.changes == {"full_name": ["Alice"]}


@pytest.mark.usefixtures("user", "admin")
async def test_a_statement_for_many_rows_is_one_entry(db: AsyncSession) -> None:
    changed = await db.execute(update(User).where(User.is_staff.in_([True, False])).values(full_name="X"))
    await db.execute(insert(Group), [{"name": "a"}, {"name": "b"}])
    await db.execute(insert(Group).values(name="c"))
    deleted = await db.execute(delete(Group).where(Group.name == "a"))
    await db.commit()

    told = [(entry.action, entry.model, entry.object_id, entry.object_name) for entry in (await log(db))[-4:]]

    assert (changed.rowcount, deleted.rowcount) == (2, 1)  # type: ignore[attr-defined]  # they are CursorResults
    assert told == [
        ("change", "accounts.user", "", "2 rows"),
        ("add", "accounts.group", "", "2 rows"),
        ("add", "accounts.group", "", "1 row"),
        ("delete", "accounts.group", "", "1 row with name = a"),
    ]


async def test_a_statement_that_finds_no_row_is_not_told(db: AsyncSession) -> None:
    await db.execute(update(User).where(User.id == uuid4()).values(full_name="X"))
    await db.commit()

    assert await log(db) == []


async def test_what_does_not_count_is_not_told(db: AsyncSession, user: User) -> None:
    before = len(await log(db))
    now = datetime.now(UTC)
    db.add(
        Session(
            id=uuid4(),
            user_id=user.id,
            family_hash="",
            rotation_hash="",
            user_agent="",
            created_at=now,
            last_used_at=now,
            expires_at=now,
        )
    )
    await db.execute(update(User).values(last_login=now).execution_options(audited=False))
    await db.execute(update(Permission).values(name=Permission.name))
    await db.commit()

    assert len(await log(db)) == before


@pytest.mark.usefixtures("user")
async def test_the_log_can_only_grow(db: AsyncSession) -> None:
    for statement in (update(AuditEntry).values(actor="me"), delete(AuditEntry), AuditEntry.__table__.delete()):  # type: ignore[attr-defined]  # it is a Table
        with pytest.raises(AppendOnly):
            await db.execute(statement)
    (entry,) = await log(db)
    entry.actor = "me"
    with pytest.raises(AppendOnly):
        await db.flush()
    await db.rollback()
    (entry,) = await log(db)
    await db.delete(entry)
    with pytest.raises(AppendOnly):
        await db.flush()


async def test_a_long_value_is_cut(db: AsyncSession, user: User) -> None:
    """The log tells what changed, but it is not a second copy of the data."""
    await db.execute(update(User).values(email="x" * 250))
    await db.commit()

    (value,) = (await log(db))[-1].changes["email"]

    assert value == "x" * MAX_TEXT + "…"


async def test_the_operator_is_the_user_of_the_system(db: AsyncSession) -> None:
    async with open_database() as database, database.session() as session:
        session.add(Group(name="editors", permissions=[]))
        await session.commit()

    (entry,) = await log(db)

    assert (entry.actor_id, entry.actor, entry.place) == (None, getpass.getuser(), "command line")


async def test_a_system_user_without_a_name_is_told_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nameless)
    async with open_database():
        assert acting.get() == Actor(None, "")


async def test_what_no_event_sees_is_told_by_hand_and_only_if_it_happens(db: AsyncSession, user: User) -> None:
    before, key = len(await log(db)), str(user.id)
    for finish in (db.rollback, db.commit):
        await db.execute(text("UPDATE accounts_user SET full_name = 'Alice'"))
        await record(db, "change", User, key, {"full_name": ["", "Alice"]}, "alice")
        await finish()

    (entry,) = (await log(db))[before:]
    assert (entry.action, entry.model, entry.object_name) == ("change", "accounts.user", "alice")
    assert (entry.object_id, entry.changes) == (key, {"full_name": ["", "Alice"]})
