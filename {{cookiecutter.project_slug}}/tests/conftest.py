"""Fixtures for the tests of any app:

    client      an httpx.AsyncClient that talks to the application in this process
    db          an AsyncSession on the suite's own database
    accounts    the use cases of accounts, on `db`
    user        a user with the password `PASSWORD`
    admin       a superuser with the password `PASSWORD`
    login       `await login(user)` logs in over HTTP and returns the header for the client's requests
    enter       `await enter(admin)` logs in to the admin site, and leaves the cookie with the client
    allow       `await allow(user, "accounts.view_user")` gives permissions, through a group
    database    the `Database` of the application
    application the application itself; `settings` are its settings
    client_with `client_with(environment="production")` is a client of an application with other settings
    outbox      `await outbox()` returns the mails that the application has sent in the test, each an EmailMessage
    serve       `serve(router)` adds routes to the applications that `client_with` makes afterwards
    redis       a Redis server only for this test, to stop and start (without an installed Redis, the test is skipped)

Each test begins with empty tables and empty throttles. The database is a temporary SQLite file, or a new one on the
server that TEST_DATABASE_URL names. Each process that runs tests has its own. The settings are those of `SETTINGS`
below, whatever their defaults are. Errors have the format of the template, even if an app's `ready` sets another one: a
test of another format must set it. docs/testing.md says more.
"""

import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from email.message import EmailMessage
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import UseCases
from app.accounts.models import Group, Permission, User, user_groups
from app.core import registry
from app.core.audit import NOBODY, acting, place
from app.core.db import Database, is_unmigrated, migrate
from app.core.settings import PROJECT
from app.core.tasks import TaskQueue
from app.core.web.openapi import DETAIL
from app.settings import Settings, get_settings
from tests.databases import delete_rows, new_database
from tests.passwords import PASSWORD as PASSWORD
from tests.passwords import PASSWORD_HASH as PASSWORD_HASH
from tests.redis_server import RedisServer

# The developer's environment and .env must not influence the tests.
Settings.model_config["env_file"] = None
for setting in Settings.model_fields.keys() - {"test_database_url"}:  # the processes of xdist inherit this one
    os.environ.pop(setting.upper(), None)
# What tests assert must not change with a default in app/settings.py, so none of those is used here.
SETTINGS = {
    "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
    "ALLOWED_HOSTS": "localhost, 127.0.0.1, [::1]",
    "AUDIT_LOG_DAYS": "0",
    "BCRYPT_ROUNDS": "4",
    "CORS_ALLOW_ORIGINS": "",
    "DATABASE_STATEMENT_TIMEOUT": "5",
    "DATABASE_TIMEOUT": "5",
    "DOCS_ENABLED": "true",
    "EMAIL_FROM": "Service <noreply@localhost>",
    "EMAIL_URL": "memory:",
    "ENVIRONMENT": "test",
    "HSTS_INCLUDE_SUBDOMAINS": "false",
    "JWT_ALGORITHM": "HS256",
    "JWT_AUDIENCE": PROJECT["name"],
    "JWT_ISSUER": PROJECT["name"],
    "LOGIN_THROTTLE": "5/15 minutes",
    "MAIL_THROTTLE": "5/hour",
    "METRICS_ENABLED": "true",
    "METRICS_TOKEN": "",
    "PASSWORD_MIN_LENGTH": "8",
    "PASSWORD_VALIDATORS": ", ".join(
        f"app.accounts.authentication.passwords.validators.{name}"
        for name in ("too_common", "entirely_numeric", "too_similar")
    ),
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "REDIS_URL": "",
    "REFRESH_TOKEN_EXPIRE_DAYS": "14",
    "REGISTRATION_OPEN": "true",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "SECRET_KEY_FALLBACKS": "",
    "TASK_QUEUE": "process",
    "TASK_WORKER": "false",
}
os.environ |= SETTINGS


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, obj: object) -> list[pytest.Item] | None:
    """An imported class is no test, such as a model named Testimonial."""
    is_imported = isinstance(obj, type) and obj.__module__ != collector.module.__name__
    return [] if is_imported else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Migrations make the tables of the suite."""
    report = yield
    if call.excinfo and isinstance(call.excinfo.value, DBAPIError) and is_unmigrated(call.excinfo.value):
        report.sections.append(("Hint", "A migration is missing: run `python manage.py makemigrations`."))
    return report


Login = Callable[..., Awaitable[dict[str, str]]]
Allow = Callable[..., Awaitable[Group]]
Enter = Callable[..., Awaitable[Response]]
Serve = Callable[[APIRouter], None]
ClientWith = Callable[..., Awaitable["Client"]]


class Client(AsyncClient):
    """A client of an application in this process. A proxy serves it under the prefix `root_path`."""

    def __init__(self, app: FastAPI, root_path: str = "") -> None:
        super().__init__(transport=ASGITransport(app, root_path=root_path), base_url="http://localhost")
        self.app = app


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


# Fixtures of the session name `anyio_backend`: with it they are there for tests that are no coroutines, too, and one
# event loop lives as long as they do.
@pytest.fixture(scope="session")
async def settings(anyio_backend: str) -> AsyncIterator[Settings]:
    """The settings. Commands that a test runs find the same ones."""
    async with new_database() as url:
        os.environ["DATABASE_URL"] = url.render_as_string(hide_password=False)
        get_settings.cache_clear()
        yield get_settings()


@pytest.fixture(scope="session")
async def application(anyio_backend: str, settings: Settings) -> AsyncIterator[FastAPI]:
    from app.main import create_app  # after the settings are made: the application needs them

    app = create_app(settings)
    app.state.error_format = DETAIL
    await migrate(app.state.database, report=lambda _: None)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def database(application: FastAPI) -> AsyncIterator[Database]:
    database: Database = application.state.database
    acting.set(NOBODY)  # all coroutines of the suite run in one context: another test may have said who acts
    place.set("")
    yield database
    await delete_rows(database, but=Permission.__table__)  # those `migrate` has made, once


@pytest.fixture
async def db(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.session() as session:
        yield session


@pytest.fixture
async def accounts(application: FastAPI, db: AsyncSession) -> UseCases:
    return UseCases(application.state, db)


@pytest.fixture
async def client(application: FastAPI, database: Database) -> AsyncIterator["Client"]:
    await application.state.limiter.reset()
    async with Client(application) as client:
        yield client


@pytest.fixture
async def client_with(settings: Settings, database: Database) -> AsyncIterator[ClientWith]:
    from app.main import create_app

    async with AsyncExitStack() as stack:

        async def client_with(**changes: Any) -> Client:
            app = create_app(settings.model_copy(update=changes))
            app.state.error_format = DETAIL
            await stack.enter_async_context(app.router.lifespan_context(app))
            return await stack.enter_async_context(Client(app))

        yield client_with


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    def serve(router: APIRouter) -> None:
        modules, module = registry.modules, ModuleType("routes")
        vars(module)["router"] = router
        monkeypatch.setattr(
            registry, "modules", lambda name: chain([module] if name == "routes" else (), modules(name))
        )

    return serve


@pytest.fixture
def outbox(client: "Client") -> "Outbox":
    outbox = Outbox(client)
    outbox.mails.clear()
    return outbox


class Outbox:
    """Return the mails that a client's application has sent."""

    def __init__(self, client: "Client") -> None:
        self.mails: list[EmailMessage] = client.app.state.mailer.outbox
        self._tasks: TaskQueue = client.app.state.tasks

    async def __call__(self) -> list[EmailMessage]:
        await self._tasks.drain()
        return list(self.mails)


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr("app.core.web.redis.TIMEOUT", 10)  # s: on a busy machine half a second may pass
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
async def user(db: AsyncSession) -> User:
    return await save(db, User(username="alice", email="alice@example.com", hashed_password=PASSWORD_HASH))


@pytest.fixture
async def admin(db: AsyncSession) -> User:
    admin = User(username="root", email="root@example.com", hashed_password=PASSWORD_HASH)
    admin.is_staff = admin.is_superuser = True
    return await save(db, admin)


def as_shown(page: Response) -> dict[str, str]:
    """Return what a form of the admin site tells about the shown values. A test sends it back, as a browser does.

    Without it, the site treats a missing field as not shown, not as empty.
    """
    said = re.search(r'name="_shown" type="hidden" value="(.*?)"', page.text)
    return {"_shown": said[1]} if said else {}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def save(db: AsyncSession, user: User) -> User:
    db.add(user)
    await db.commit()
    return user


@pytest.fixture
def login(client: AsyncClient) -> Login:
    async def login(user: User, password: str = PASSWORD) -> dict[str, str]:
        answer = await client.post("/token", data={"username": user.username, "password": password})
        assert answer.status_code == 200, answer.text
        return bearer(answer.json()["access_token"])

    return login


@pytest.fixture
def allow(db: AsyncSession) -> Allow:
    async def allow(user: User, *names: str) -> Group:
        permissions = list(await db.scalars(select(Permission).where(Permission.name.in_(names))))
        assert {permission.name for permission in permissions} == set(names)
        group = Group(name=f"group {uuid4()}", permissions=permissions)
        db.add(group)
        await db.flush()
        await db.execute(insert(user_groups).values(user_id=user.id, group_id=group.id))
        await db.commit()
        return group

    return allow


@pytest.fixture
def enter(client: AsyncClient) -> Enter:
    async def enter(user: User, password: str = PASSWORD, **form: str) -> Response:
        return await client.post("/admin/login", data={"username": user.username, "password": password, **form})

    return enter
