"""System checks, for `manage.py check`.

An app adds checks in its module `checks`: asynchronous generators marked with `@check()`. Mark those for production
servers only with `@check(deploy=True)`, and those that `runserver` shows with `@check(start=True)`. An id never changes
its meaning, so people can search for it. Its letter is the level: E is an error, W a warning, I information.
"""

import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from urllib.parse import unquote, urlsplit
from warnings import catch_warnings

from dotenv import dotenv_values
from pydantic import SecretStr
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, SAWarning

from app.core import registry
from app.core.db import Database, DatabaseUnavailable, UnknownMigrations, is_away, pending_migrations
from app.core.ops.settings_report import misspelt
from app.core.settings import BASE_DIR, LOCAL_HOSTS, is_loopback, others_can_read
from app.core.tasks import WORKER_CONNECTIONS
from app.settings import Settings

# Possible values of an Origin header (RFC 6454, 6.2).
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+|\*")
REFERENCE = re.compile(r"\$\{\w+\}")
# RFC 8314, 3.3: TLS from the first byte, or after STARTTLS.
MAIL_SCHEMES: dict[int | None, str] = {465: "smtps", 587: "smtp", 25: "smtp"}
FEW_CHARACTERS = 10  # a random key of 32 bytes has more different ones, in any encoding
REDIS_PATIENCE = 5  # s
# The reserved ones are for superusers and, since PostgreSQL 16, for roles of their own.
CONNECTION_LIMITS = """
    SELECT name, setting FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""
# A check that needs what cannot be imported, or models that do not fit together, fails too. So does the start.
CONSEQUENCES = {
    "core.E009": {"core.E004", "core.E011"},
    "core.E012": {"core.E004", "core.E011"},
    "core.E011": {"core.E004"},
}
FIRST_GUESSES = ("postgres", "password", "admin", "root", "secret", "changeme")


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Problem:
    id: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id}: {self.message} {self.hint}"

    @property
    def level(self) -> Level:
        letter = self.id.rpartition(".")[2][:1]
        return {"I": Level.INFO, "W": Level.WARNING}.get(letter, Level.ERROR)

    def is_at_least(self, level: Level) -> bool:
        order = list(Level)
        return order.index(self.level) >= order.index(level)


Check = Callable[[Settings, Database], AsyncIterator[Problem]]

ALWAYS: list[Check] = []
DEPLOY: list[Check] = []
START: list[Check] = []


def check(*, deploy: bool = False, start: bool = False) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        if deploy:
            DEPLOY.append(function)
        if start:
            START.append(function)
        if not (deploy or start):
            ALWAYS.append(function)
        return function

    return register


async def run_checks(
    settings: Settings, database: Database, *, deploy: bool = False, start: bool = False
) -> list[Problem]:
    """Run the checks of the core and of every app. Return the problems, errors first."""
    for path in ("app.core.ops.project_checks", *registry.module_paths("checks")):
        with suppress(Exception):  # `apps_can_be_imported` reports it
            import_module(path)  # this registers them
    asked = [*ALWAYS, *(DEPLOY if deploy else ()), *(START if start else ())]
    with catch_warnings(action="ignore", category=SAWarning):  # a module that fails may be imported more than once
        found = [problem for function in asked async for problem in _ask(function, settings, database)]
    once = dict.fromkeys(found)  # if the database is away, many checks find the same
    consequences = set().union(*(CONSEQUENCES.get(problem.id, ()) for problem in once))
    causes = [problem for problem in once if problem.id not in consequences]
    told = [problem for problem in causes if not _repeats(problem, causes)]
    return [problem for level in reversed(Level) for problem in told if problem.level == level]


def _repeats(problem: Problem, found: Iterable[Problem]) -> bool:
    """Tell whether the server does not start for a reason that another check has found."""
    others = (each.message.rstrip(".") for each in found if each.id != problem.id)
    return problem.id == "core.E011" and any(message in problem.message for message in others)


async def _ask(function: Check, settings: Settings, database: Database) -> AsyncIterator[Problem]:
    try:
        async for problem in function(settings, database):
            yield problem
    except DatabaseUnavailable as error:
        yield _unreachable(error)
    except UnknownMigrations as error:
        yield _unknown(error)
    except DBAPIError as error:
        yield _unreachable(error.orig) if is_away(error) else _failed(function, error)
    except Exception as error:  # the other checks must still run
        yield _failed(function, error)


def _unreachable(error: BaseException | None) -> Problem:
    return Problem("core.E002", f"The database cannot be reached: {_line(error)}.", "See DATABASE_URL.")


def _unknown(error: UnknownMigrations) -> Problem:
    """The database has migrations that are not in the code."""
    return Problem("core.E007", str(error), "`git log app` may show where they went.")


def _failed(function: Check, error: Exception) -> Problem:
    name = f"{function.__module__}.{function.__name__}"
    message = f"The check {name} failed: {type(error).__name__}: {_line(error)}."
    return Problem("core.E004", message, "Repair the check, or what it checks.")


def _line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0].rstrip(".")


@check()
async def env_is_private(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if others_can_read(BASE_DIR / ".env"):
        yield Problem("core.E001", "Other users of this machine can read .env.", "Run `chmod 600 .env`.")


@check()
async def env_has_no_slips(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """`.env` may have variables for other programs. But one that resembles a setting is probably a slip."""
    for name, meant in misspelt().items():
        yield Problem("core.W013", f"{name} in .env is not a setting.", f"Do you mean {meant}?")


@check()
async def values_have_no_references(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """A shell and our reader of `.env` replace ${NAME}. systemd and `docker run --env-file` do not."""
    for name, value in settings:
        if any(REFERENCE.search(text) for text in _texts(value)):
            message = f"{name.upper()} contains ${{…}}, which nothing has replaced."
            yield Problem("core.W022", message, "Write the value itself.")


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case SecretStr():
            yield value.get_secret_value()
        case URL():
            yield unquote(value.render_as_string(hide_password=False))
        case tuple():
            for each in value:
                yield from _texts(each)


@check()
async def mail_port_fits(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    url = urlsplit(settings.email_url.get_secret_value())
    expected = MAIL_SCHEMES.get(url.port)
    if url.scheme in MAIL_SCHEMES.values() and expected not in (None, url.scheme):
        message = f"EMAIL_URL is {url.scheme}:// with port {url.port}, where servers expect {expected}://."
        yield Problem("core.W023", message, f"Write EMAIL_URL={expected}://….")


@check()
async def origins_can_match(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    for origin in settings.cors_allow_origins:
        if not ORIGIN.fullmatch(origin):
            message = f"CORS_ALLOW_ORIGINS has {origin!r}, which no browser sends."
            yield Problem("core.E006", message, "Write it in lower case without a path, like https://app.example.com.")


@check(deploy=True, start=True)
async def migrations_are_applied(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if missing := await pending_migrations(database):
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
        yield Problem("core.W003", "ALLOWED_HOSTS allows any name.", "List the host names of the service.")
    if set(settings.allowed_hosts) <= set(LOCAL_HOSTS):
        yield Problem("core.W004", "ALLOWED_HOSTS has only local names.", "List the host names of the service.")


@check(deploy=True)
async def origins_are_named(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if "*" in settings.cors_allow_origins:
        yield Problem("core.W005", "CORS_ALLOW_ORIGINS allows any site.", "List the origins of your front ends.")


@check(deploy=True)
async def origins_are_encrypted(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Without TLS, somebody on the network can change a page, so that it calls this service as its user."""
    for origin in settings.cors_allow_origins:
        if origin.startswith("http://"):
            message = f"CORS_ALLOW_ORIGINS trusts {origin}, which anybody on the network can change."
            yield Problem("core.W014", message, "Serve it with https://, or remove it.")


@check(deploy=True)
async def docs_are_closed(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.docs_enabled:
        yield Problem("core.W006", "/docs and /openapi.json are open to everybody.", "Set DOCS_ENABLED=false.")


@check(deploy=True)
async def metrics_can_be_read(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.metrics_enabled and settings.metrics_token is None:
        message = "/metrics refuses everybody: METRICS_ENABLED is true, but METRICS_TOKEN is empty."
        yield Problem("core.W024", message, "Set METRICS_TOKEN, and give it to Prometheus; or METRICS_ENABLED=false.")


@check(deploy=True)
async def limits_are_shared(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """This cannot see other replicas, but it can see how many workers uvicorn will start."""
    workers = _workers()
    if workers > 1 and settings.redis_url is None:
        yield Problem("core.W007", f"Each of the {workers} workers counts failed logins by itself.", "Set REDIS_URL.")


@check(deploy=True)
async def connections_are_enough(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """This counts the processes of one machine: the workers of uvicorn, and one `manage.py worker`."""
    if database.is_sqlite:
        return
    each, tasks, workers = database.max_connections, 0, _workers()
    if settings.task_queue == "database":
        tasks = each + WORKER_CONNECTIONS
        each += WORKER_CONNECTIONS if settings.task_worker else 0
    async with database.session() as db:
        granted = {name: int(value) for name, value in await db.execute(text(CONNECTION_LIMITS))}
    allowed = granted.pop("max_connections") - sum(granted.values())
    if (needed := workers * each + tasks) > allowed:
        others = " and a worker for tasks" if tasks else ""
        message = f"{workers} server processes{others} open up to {needed} connections. PostgreSQL allows {allowed}."
        fewer = f"Set WEB_CONCURRENCY={fit}, or " if (fit := (allowed - tasks) // each) > 0 else ""
        hint = f"{fewer}set max_connections of PostgreSQL to {needed + sum(granted.values())}."
        yield Problem("core.W025", message, hint[0].upper() + hint[1:])


@check(deploy=True)
async def mails_reach_somebody(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    scheme = urlsplit(settings.email_url.get_secret_value()).scheme
    if not scheme.startswith("smtp"):
        yield Problem("core.W008", f"EMAIL_URL is {scheme}:, so mails reach nobody.", "Set EMAIL_URL=smtp://….")


@check(deploy=True)
async def links_reach_us(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    url = urlsplit(settings.public_url)
    hint = "Set it to the service's address for its users."
    if is_loopback(url.hostname or ""):
        yield Problem("core.W009", "PUBLIC_URL is local, so links in mails lead nowhere.", hint)
    if url.scheme != "https":
        yield Problem("core.W010", "PUBLIC_URL is not https, so others can listen and use the links in mails.", hint)


@check(deploy=True)
async def mails_can_be_answered(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if is_loopback(settings.email_from.domain):
        message = f"EMAIL_FROM is at {settings.email_from.domain}, and servers refuse mails from there."
        yield Problem("core.W011", message, "Set it to an address of your domain.")


@check(deploy=True)
async def keys_are_random(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    for key in (settings.secret_key, *settings.secret_key_fallbacks):
        if len(set(key.get_secret_value())) < FEW_CHARACTERS:
            message = "A key of SECRET_KEY or SECRET_KEY_FALLBACKS repeats a few characters, so others can guess it."
            hint = "Replace it with the output of `python -c 'import secrets; print(secrets.token_urlsafe(64))'`."
            yield Problem("core.W015", message, hint)


@check(deploy=True)
async def database_password_is_no_first_guess(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    url = database.engine.url
    if url.password and url.password in (url.username, *FIRST_GUESSES):
        message = "The password in DATABASE_URL is one that attackers try first."
        yield Problem("core.W016", message, "Give the database user a random password.")


@check(deploy=True)
async def proxies_are_named(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """uvicorn trusts these proxies to name the client of a request, and failed logins are counted for this client."""
    if "*" in _variable("FORWARDED_ALLOW_IPS").split(","):
        message = "FORWARDED_ALLOW_IPS lets any client claim another address."
        yield Problem("core.W017", message, "List the addresses or networks of your proxies, for example 10.0.0.0/8.")


@check(deploy=True)
async def redis_answers(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.redis_url is not None and (reason := await _redis_fault(settings.redis_url.get_secret_value())):
        yield Problem("core.W018", f"Redis cannot be reached: {reason}.", "See REDIS_URL.")


@check(deploy=True)
async def tasks_are_kept(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.task_queue == "process":
        message = (
            "TASK_QUEUE is process: tasks that wait for another try are lost when the server ends, and each server "
            "runs every periodic task."
        )
        yield Problem("core.W020", message, "Set TASK_QUEUE=database, and run `python manage.py worker`.")


def _variable(name: str) -> str:
    """Return a variable that uvicorn reads from its environment: systemd and compose.yaml take it from `.env`."""
    return {**dotenv_values(BASE_DIR / ".env"), **os.environ}.get(name) or ""


def _workers() -> int:
    workers = _variable("WEB_CONCURRENCY")
    return int(workers) if workers.isdecimal() else 1


async def _redis_fault(url: str) -> str | None:
    from redis.asyncio import Redis  # takes long to load, and few need it
    from redis.exceptions import RedisError

    try:
        async with Redis.from_url(url, socket_connect_timeout=REDIS_PATIENCE) as redis:
            await redis.ping()
    except (RedisError, OSError) as error:
        return _line(error)
    return None
