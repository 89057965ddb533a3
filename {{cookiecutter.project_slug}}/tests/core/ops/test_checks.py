import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.core.db import Database
from app.core.ops import checking, checks
from app.core.ops.checking import Check, Level, Problem, check, run_checks
from app.core.settings import parse_database_url
from app.settings import Settings
from tests.checks import found
from tests.databases import needs_postgresql
from tests.redis_server import RedisServer


@pytest.mark.parametrize(
    ("check", "unfit", "fit"),
    [
        (checks.values_have_no_references, {"secret_key": SecretStr("${KEY}" * 9)}, {"secret_key": SecretStr("$K{}")}),
        (checks.values_have_no_references, {"secret_key_fallbacks": (SecretStr("${KEY}"),)}, {}),
        (checks.values_have_no_references, {"jwt_issuer": "${NAME}"}, {}),
        (
            checks.values_have_no_references,
            {"database_url": parse_database_url("postgresql://app:${POSTGRES_PASSWORD}@h/n")},
            {"database_url": parse_database_url("postgresql://app:$a@h/n")},
        ),
        (checks.mail_port_fits, {"email_url": SecretStr("smtp://h:465")}, {"email_url": SecretStr("smtps://h:465")}),
        (checks.mail_port_fits, {"email_url": SecretStr("smtps://h:587")}, {"email_url": SecretStr("smtp://h:587")}),
        (checks.mail_port_fits, {"email_url": SecretStr("smtps://h:25")}, {"email_url": SecretStr("smtp://h:2525")}),
        (checks.origins_can_match, {"cors_allow_origins": ("https://a/",)}, {"cors_allow_origins": ("https://a",)}),
        (checks.origins_can_match, {"cors_allow_origins": ("https://A",)}, {"cors_allow_origins": ("*",)}),
        (checks.origins_can_match, {"cors_allow_origins": ("a:80",)}, {"cors_allow_origins": ("http://a:81",)}),
        (checks.environment_is_production, {"environment": "local"}, {"environment": "production"}),
        (checks.hosts_are_named, {"allowed_hosts": ("*",)}, {"allowed_hosts": ("*.example.com",)}),
        (checks.hosts_are_named, {"allowed_hosts": ("localhost",)}, {"allowed_hosts": ("localhost", "a.example")}),
        (checks.origins_are_named, {"cors_allow_origins": ("*",)}, {"cors_allow_origins": ("https://a",)}),
        (checks.origins_are_encrypted, {"cors_allow_origins": ("http://a",)}, {"cors_allow_origins": ("https://a",)}),
        (
            checks.metrics_can_be_read,
            {"metrics_enabled": True, "metrics_token": None},
            {"metrics_enabled": True, "metrics_token": SecretStr("token")},
        ),
        (checks.metrics_can_be_read, {"metrics_enabled": True, "metrics_token": None}, {"metrics_enabled": False}),
        (checks.docs_are_closed, {"docs_enabled": True}, {"docs_enabled": False}),
        (checks.keys_are_random, {"secret_key": SecretStr("abc" * 20)}, {}),
        (checks.keys_are_random, {"secret_key_fallbacks": (SecretStr("0123" * 20),)}, {}),
    ],
)
async def test_what_is_unfit_is_named_and_the_rest_is_not(
    settings: Settings, database: Database, check: Check, unfit: dict[str, Any], fit: dict[str, Any]
) -> None:
    assert len(await found(check, settings, database, **unfit)) == 1
    assert await found(check, settings, database, **fit) == []


@pytest.mark.parametrize(
    ("check", "name", "unfit", "fit"),
    [
        (checks.limits_are_shared, "WEB_CONCURRENCY", "2", "1"),
        (checks.proxies_are_named, "FORWARDED_ALLOW_IPS", "*", "10.0.0.0/8"),
    ],
)
async def test_what_the_server_reads_is_looked_at_too(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    name: str,
    unfit: str,
    fit: str,
) -> None:
    monkeypatch.setenv(name, unfit)
    assert len(await found(check, settings, database)) == 1
    monkeypatch.setenv(name, fit)
    assert await found(check, settings, database) == []


@needs_postgresql
async def test_more_connections_than_postgresql_allows_are_named_with_what_fits(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = settings.model_copy(update={"task_queue": "database"})

    async def said(workers: int) -> list[str]:
        monkeypatch.setenv("WEB_CONCURRENCY", str(workers))
        return [str(problem) async for problem in checks.connections_are_enough(changed, database)]

    async with database.session() as db:
        allowed = int(await db.scalar(text("SHOW max_connections")) or 0)
        reserved = int(await db.scalar(text("SHOW superuser_reserved_connections")) or 0)
    fit = (allowed - reserved - 24) // 20  # two pools of 10 a process, and for the worker one of 4 more

    assert await said(fit) == []
    (warning,) = await said(fit + 1)
    assert warning.startswith(f"core.W025: {fit + 1} server processes and a worker for tasks open up to ")
    assert f"Set WEB_CONCURRENCY={fit}, or set max_connections of PostgreSQL to " in warning
    needed = int(warning.rstrip(".").rpartition(" ")[2])
    assert needed == (fit + 1) * 20 + 24 + reserved


async def test_an_sqlite_file_takes_any_number_of_processes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "1000")

    assert await found(checks.connections_are_enough, settings, Database(parse_database_url("sqlite:///x"))) == []


async def test_proxies_in_env_are_looked_at_too(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """compose.yaml makes an environment variable of it."""
    monkeypatch.setattr(checks, "BASE_DIR", tmp_path)
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    (tmp_path / ".env").write_text("FORWARDED_ALLOW_IPS=*\n")

    assert await found(checks.proxies_are_named, settings, database) == ["core.W017"]


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        ("sqlite:///x.sqlite3", []),
        ("postgresql://h/n", []),
        ("postgresql://app@h/n", []),
        ("postgresql://app:4f9e1c@h/n", []),
        ("postgresql://app:app@h/n", ["core.W016"]),
        ("postgresql://app:postgres@h/n", ["core.W016"]),
    ],
)
async def test_a_password_that_anybody_would_try_is_named(settings: Settings, address: str, ids: list[str]) -> None:
    database = Database(parse_database_url(address))

    assert await found(checks.database_password_is_no_first_guess, settings, database) == ids
    await database.dispose()


async def test_a_redis_that_is_away_is_named(settings: Settings, database: Database, redis: RedisServer) -> None:
    check, changes = checks.redis_answers, {"redis_url": SecretStr(redis.url)}

    assert await found(check, settings, database) == []
    assert await found(check, settings, database, **changes) == []
    redis.stop()
    assert await found(check, settings, database, **changes) == ["core.W018"]


async def test_tasks_that_end_with_their_server_are_named(settings: Settings, database: Database) -> None:
    assert await found(checks.tasks_are_kept, settings, database) == ["core.W020"]
    assert await found(checks.tasks_are_kept, settings, database, task_queue="database") == []


async def test_a_slip_in_env_is_named(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("ALLOWED_HOST=x\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")

    assert await found(checks.env_has_no_slips, settings, database) == ["core.W013"]


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these file modes")
async def test_an_env_that_others_can_read_is_named(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "BASE_DIR", tmp_path)
    assert await found(checks.env_is_private, settings, database) == []
    (tmp_path / ".env").touch(mode=0o644)
    assert await found(checks.env_is_private, settings, database) == ["core.E001"]


@pytest.fixture
def _restored() -> Iterator[None]:
    """The registered checks of before."""
    checking.load_checks()  # an import registers them only once
    lists = (checking.ALWAYS, checking.DEPLOY, checking.START)
    before = [list(registered) for registered in lists]
    yield
    for registered, kept in zip(lists, before, strict=True):
        registered[:] = kept


@pytest.mark.usefixtures("_restored")
async def test_a_check_is_asked_on_its_occasions(settings: Settings, database: Database) -> None:
    def yielding(number: int, **occasions: bool) -> None:
        @check(**occasions)
        async def example(settings: Settings, database: Database) -> AsyncIterator[Problem]:
            yield Problem(f"example.I{number}", "", "")

    yielding(1)
    yielding(2, deploy=True)
    yielding(3, start=True)
    yielding(4, deploy=True, start=True)

    async def numbers(**occasions: bool) -> list[str]:
        problems = await run_checks(settings, database, **occasions)
        return [problem.id[-1] for problem in problems if problem.id.startswith("example")]

    assert await numbers() == ["1"]
    assert await numbers(deploy=True) == ["1", "2", "4"]
    assert await numbers(start=True) == ["1", "3", "4"]


@pytest.mark.usefixtures("_restored")
async def test_a_check_that_fails_is_a_problem_like_others(settings: Settings, database: Database) -> None:
    @check()
    async def broken(settings: Settings, database: Database) -> AsyncIterator[Problem]:
        yield Problem("example.W001", "Before.", "")
        raise ValueError("first line.\nsecond line")

    @check()
    async def mistaken(settings: Settings, database: Database) -> AsyncIterator[Problem]:
        async with database.session() as db:
            await db.execute(text("SELECT nothing FROM nowhere"))
        yield Problem("example.W002", "Never.", "")

    problems = await run_checks(settings, database)

    assert [problem.id for problem in problems] == ["core.E004", "core.E004", "example.W001"]
    name = f"{__name__}.broken"
    assert problems[0].message == f"The check {name} failed: ValueError: first line."
    assert "\n" not in problems[1].message


@pytest.mark.usefixtures("_restored")
async def test_a_database_that_is_away_is_said_once(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_text("no database, but long enough to be taken for one" * 40)
    database = Database(parse_database_url(f"sqlite:///{tmp_path / 'x.sqlite3'}"))

    @check(deploy=True)
    async def another(settings: Settings, database: Database) -> AsyncIterator[Problem]:
        async with database.session() as db:
            yield Problem("example.W001", str(await db.scalar(text("SELECT 1"))), "")

    problems = await run_checks(settings, database, deploy=True)
    await database.dispose()

    assert [problem.id for problem in problems if problem.level is Level.ERROR] == ["core.E002"]


def test_the_levels_have_an_order() -> None:
    error, info = Problem("x.E001", "", ""), Problem("x.I001", "", "")

    assert [error.is_at_least(level) for level in Level] == [True, True, True]
    assert [info.is_at_least(level) for level in Level] == [True, False, False]
