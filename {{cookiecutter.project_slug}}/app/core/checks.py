"""System checks: what `manage.py check` asks before a project is trusted with users.

An app brings its own in a module `checks`: asynchronous generators marked with `@check()` or, where only a production
server must pass, `@check(deploy=True)`. An id keeps its meaning for ever, so that people can search for it.
"""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.addresses import is_loopback
from app.core.database import Database, DatabaseUnavailable
from app.core.migrations import pending
from app.settings import BASE_DIR, LOCAL_HOSTS, Settings


@dataclass(frozen=True)
class Problem:
    id: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id}: {self.message} {self.hint}"


Check = Callable[[Settings, Database], AsyncIterator[Problem]]

_always: list[Check] = []
_deploy: list[Check] = []


def check(*, deploy: bool = False) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        (_deploy if deploy else _always).append(function)
        return function

    return register


async def run_checks(settings: Settings, database: Database, *, deploy: bool) -> list[Problem]:
    checks = [*_always, *_deploy] if deploy else _always
    return [problem for function in checks async for problem in function(settings, database)]


@check()
async def env_is_private(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    path = BASE_DIR / ".env"
    if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
        yield Problem("core.E001", "Other users of this machine may read .env.", "Run `chmod 600 .env`.")


@check(deploy=True)
async def migrations_are_applied(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    try:
        missing = await pending(database)
    except DatabaseUnavailable as error:
        yield Problem("core.E002", f"The database cannot be reached: {error}.", "See DATABASE_URL.")
        return
    if missing:
        yield Problem("core.E003", f"Not applied: {', '.join(missing)}.", "Run `python manage.py migrate`.")


@check(deploy=True)
async def environment_is_production(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.environment != "production":
        yield Problem("core.W001", f"ENVIRONMENT is {settings.environment}.", "Set ENVIRONMENT=production.")


@check(deploy=True)
async def database_is_a_server(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if database.is_sqlite:
        yield Problem("core.W002", "The database is an SQLite file.", "Set DATABASE_URL=postgresql://….")


@check(deploy=True)
async def hosts_are_named(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if "*" in settings.allowed_hosts:
        yield Problem("core.W003", "ALLOWED_HOSTS takes any name.", "List the names that the service is reached by.")
    if set(settings.allowed_hosts) <= set(LOCAL_HOSTS):
        yield Problem("core.W004", "ALLOWED_HOSTS has only local names.", "List those that the service is reached by.")


@check(deploy=True)
async def origins_are_named(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if "*" in settings.cors_allow_origins:
        yield Problem("core.W005", "CORS_ALLOW_ORIGINS takes any site.", "List the origins of your front ends.")


@check(deploy=True)
async def docs_are_closed(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.docs_enabled:
        yield Problem("core.W006", "/docs and /openapi.json are open to everybody.", "Set DOCS_ENABLED=false.")


@check(deploy=True)
async def limits_are_shared(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Other replicas cannot be seen from here, but how many workers uvicorn is to start can."""
    workers = os.environ.get("WEB_CONCURRENCY", "1")
    if workers != "1" and settings.redis_url is None:
        yield Problem("core.W007", f"WEB_CONCURRENCY is {workers}, and each counts failed logins.", "Set REDIS_URL.")


@check(deploy=True)
async def mails_reach_somebody(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    scheme = urlsplit(settings.email_url.get_secret_value()).scheme
    if not scheme.startswith("smtp"):
        yield Problem("core.W008", f"EMAIL_URL is {scheme}:, and mails reach nobody.", "Set EMAIL_URL=smtp://….")


@check(deploy=True)
async def links_reach_us(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    url = urlsplit(settings.public_url)
    hint = "Set it to the address that people reach the service by."
    if is_loopback(url.hostname or ""):
        yield Problem("core.W009", "PUBLIC_URL is local: links in mails lead nowhere.", hint)
    if url.scheme != "https":
        yield Problem("core.W010", "PUBLIC_URL is not https: who listens can use the links in mails.", hint)


@check(deploy=True)
async def mails_can_be_answered(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if is_loopback(settings.email_from.domain):
        message = f"EMAIL_FROM is at {settings.email_from.domain}: servers refuse such mails."
        yield Problem("core.W011", message, "Set it to an address of your domain.")
