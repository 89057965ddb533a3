"""The page of the jobs that wait in the database."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.tasks import send_password_reset
from app.core.db import Database
from app.core.tasks import BackgroundJob
from tests.conftest import PASSWORD, Allow, Client, ClientWith
from tests.databases import needs_postgresql
from tests.queues import forget_jobs

LIST = "/admin/background-job/list"


@pytest.fixture
async def client(client_with: ClientWith, database: Database) -> AsyncIterator[AsyncClient]:
    await forget_jobs(database)
    yield await client_with(task_queue="database")
    await forget_jobs(database)


async def enter(client: Client, user: User) -> None:
    await client.post("/admin/login", data={"username": user.username, "password": PASSWORD})


async def add_job(client: Client, db: AsyncSession, status: str) -> BackgroundJob:
    state = client.app.state
    await state.tasks.send(send_password_reset, "ada@example.com")
    change = text("UPDATE procrastinate_jobs SET status = CAST(:status AS procrastinate_job_status)")
    await db.execute(change, {"status": status})
    await db.commit()
    return (await db.scalars(select(BackgroundJob))).one()


@needs_postgresql
async def test_what_has_failed_is_shown_and_tried_again(client: Client, db: AsyncSession, admin: User) -> None:
    job = await add_job(client, db, "failed")
    await enter(client, admin)

    assert "accounts.send_password_reset" in (await client.get(LIST)).text
    assert "accounts.send_password_reset" in (await client.get(LIST, params={"status": "failed"})).text
    assert "accounts.send_password_reset" not in (await client.get(LIST, params={"status": "todo"})).text
    assert "ada@example.com" in (await client.get(f"/admin/background-job/details/{job.id}")).text
    answer = await client.post("/admin/background-job/action/retry", params={"pks": str(job.id)})
    assert answer.status_code == 303
    await db.refresh(job)
    assert job.status == "todo"


@needs_postgresql
@pytest.mark.parametrize("status", ["todo", "doing"])
async def test_what_has_not_failed_is_not_tried_again(
    client: Client, db: AsyncSession, admin: User, status: str
) -> None:
    job = await add_job(client, db, status)
    await enter(client, admin)

    answer = await client.post("/admin/background-job/action/retry", params={"pks": str(job.id)})

    assert (answer.status_code, "Only what has failed can be tried again." in answer.text) == (409, True)


@needs_postgresql
async def test_to_look_and_to_retry_are_permissions(client: Client, db: AsyncSession, user: User, allow: Allow) -> None:
    job = await add_job(client, db, "failed")
    user.is_staff = True
    await allow(user, "core.view_backgroundjob")
    await enter(client, user)

    assert (await client.get(LIST)).status_code == 200
    answer = await client.post("/admin/background-job/action/retry", params={"pks": str(job.id)})
    assert answer.status_code == 403
    assert (await client.post("/admin/background-job/create")).status_code == 403


async def test_without_jobs_in_the_database_there_is_no_page(client_with: ClientWith, admin: User) -> None:
    client = await client_with(task_queue="process")
    await enter(client, admin)

    assert (await client.get(LIST)).status_code == 403
    assert "background-job" not in (await client.get("/admin/")).text
