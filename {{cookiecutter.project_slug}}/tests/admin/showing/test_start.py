"""The start page."""

import re

import pytest
from httpx import AsyncClient
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, User
from app.accounts.tasks import send_password_reset
from app.admin.showing import listing
from app.core.audit import AuditEntry
from app.core.db import Database
from app.core.db.queries import pagination
from tests.conftest import PASSWORD, Allow, ClientWith, Enter
from tests.databases import needs_postgresql
from tests.queues import forget_jobs
from tests.redis_server import RedisServer

START = "/admin/"


def tallies(page: str) -> dict[str, str]:
    """Return the shown counts by the part of the address that names the model."""
    return dict(re.findall(r'href="[^"]*/admin/([a-z-]+)/list">\s*<span class="h2[^"]*">([^<]*)<', page))


async def test_a_superuser_sees_counts_changes_and_health(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter
) -> None:
    db.add(
        AuditEntry(
            actor="grace", place="", action="add", model="blog.post", object_id="1", object_name="<b>", changes={}
        )
    )
    await db.commit()
    await enter(admin)

    page = (await client.get(START)).raise_for_status().text

    shown = tallies(page)
    assert (shown["user"], shown["group"], shown["session"]) == ("1", "0", "1")
    assert "Add the first group" in page
    assert "<strong>grace</strong>: add blog.post" in page
    assert "&lt;b&gt;" in page
    assert "TASK_QUEUE=database" in page
    assert "background-job" not in page


async def test_only_what_the_user_may_view_is_counted(
    client: AsyncClient, user: User, enter: Enter, allow: Allow
) -> None:
    user.is_staff = True
    await allow(user, "accounts.view_group")
    await enter(user)

    page = (await client.get(START)).raise_for_status().text

    assert tallies(page) == {"group": "1"}
    assert "Last changes" not in page
    assert "Add the first" not in page


@pytest.mark.parametrize(
    ("permissions", "said"),
    [((), "You have no permissions yet."), (("accounts.add_group",), "You cannot view anything here yet.")],
)
async def test_without_anything_to_view_the_page_says_what_to_do(
    client: AsyncClient,
    db: AsyncSession,
    user: User,
    enter: Enter,
    allow: Allow,
    permissions: tuple[str, ...],
    said: str,
) -> None:
    user.is_staff = True
    await db.commit()
    if permissions:
        await allow(user, *permissions)
    await enter(user)

    page = (await client.get(START)).raise_for_status().text

    assert (said in page, tallies(page)) == (True, {})


async def test_an_empty_log_says_what_will_appear(
    client: AsyncClient, db: AsyncSession, user: User, enter: Enter, allow: Allow
) -> None:
    user.is_staff = True
    await allow(user, "core.view_auditentry")
    await enter(user)
    await db.execute(text("DELETE FROM core_audit_entry"))
    await db.commit()

    page = (await client.get(START)).raise_for_status().text

    assert ("Nothing has changed yet." in page, tallies(page)) == (True, {"audit-entry": "0"})


async def test_large_tables_are_not_counted_to_the_end(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pagination, listing):
        monkeypatch.setattr(module, "COUNT_CAP", 3)
    db.add_all(Group(name=f"group{letter}", permissions=[]) for letter in "abcde")
    await db.commit()
    await enter(admin)

    assert tallies((await client.get(START)).text)["group"] == "more than 3"


@needs_postgresql
async def test_failed_tasks_are_linked_to(
    client_with: ClientWith, database: Database, db: AsyncSession, admin: User
) -> None:
    await forget_jobs(database)
    client = await client_with(task_queue="database")
    await client.post("/admin/login", data={"username": admin.username, "password": PASSWORD})
    assert "No task has failed." in (await client.get(START)).text
    await client.app.state.tasks.send(send_password_reset, "ada@example.com")
    await db.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    await db.commit()

    page = (await client.get(START)).raise_for_status().text

    assert 'background-job/list?status=failed">\n          Failed <span class="badge bg-red-lt">1</span>' in page
    await forget_jobs(database)


async def test_the_page_comes_without_redis(client_with: ClientWith, admin: User, redis: RedisServer) -> None:
    client = await client_with(redis_url=SecretStr(redis.url))
    await client.post("/admin/login", data={"username": admin.username, "password": PASSWORD})
    assert '<span class="badge bg-green-lt">ok</span></span>' in (await client.get(START)).text
    redis.stop()

    page = (await client.get(START)).raise_for_status().text

    assert "Look at the server that REDIS_URL names." in page
