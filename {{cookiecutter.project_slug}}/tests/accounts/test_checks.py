import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import checks, requires
from app.accounts.authentication import sessions
from app.accounts.authentication.sessions import Device
from app.accounts.authentication.tokens.keys import new_private_key, private_pem
from app.accounts.models import User
from app.core.db import Database
from app.core.ops import Check
from app.core.settings import parse_rate
from app.settings import Settings
from tests.checks import found
from tests.conftest import Serve
from tests.databases import new_database

FAST = parse_rate("6/minute")
PEM = SecretStr(private_pem(new_private_key("EdDSA")))


@pytest.mark.parametrize(
    ("check", "unfit", "fit"),
    [
        (checks.keys_can_be_used, {"jwt_algorithm": "EdDSA"}, {"jwt_algorithm": "EdDSA", "jwt_private_key": PEM}),
        (checks.private_key_is_used, {"jwt_private_key": PEM}, {"jwt_private_key": PEM, "jwt_algorithm": "EdDSA"}),
        (checks.hashes_are_costly, {"bcrypt_rounds": 11}, {"bcrypt_rounds": 12}),
        (checks.hashes_are_affordable, {"bcrypt_rounds": 15}, {"bcrypt_rounds": 14}),
        (checks.tokens_expire_soon, {"access_token_expire_minutes": 61}, {"access_token_expire_minutes": 60}),
        (checks.tokens_expire_soon, {"refresh_token_expire_days": 91}, {"refresh_token_expire_days": 90}),
        (checks.guesses_are_throttled, {"login_throttle": parse_rate("6/minute")}, {}),
        (
            checks.guesses_are_throttled,
            {"login_throttle": parse_rate("301/hour")},
            {"login_throttle": parse_rate("5/minute")},
        ),
        (checks.mails_are_throttled, {"mail_throttle": parse_rate("61/hour")}, {}),
        (checks.passwords_are_judged, {"password_validators": ()}, {}),
    ],
)
async def test_what_is_unfit_is_named_and_the_rest_is_not(
    settings: Settings, database: Database, check: Check, unfit: dict[str, Any], fit: dict[str, Any]
) -> None:
    assert len(await found(check, settings, database, **unfit)) == 1
    assert await found(check, settings, database, **fit) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these file modes")
async def test_a_key_file_that_others_can_read_is_named(settings: Settings, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.touch(mode=0o644)

    async def ids(value: SecretStr) -> list[str]:
        return await found(checks.private_key_is_private, settings, database, jwt_private_key=value)

    assert await ids(SecretStr(str(file))) == ["accounts.E002"]
    file.chmod(0o600)
    assert await ids(SecretStr(str(file))) == []
    assert await ids(SecretStr(str(tmp_path / "none.pem"))) == []
    assert await ids(PEM) == []


async def test_that_all_clients_look_like_one_is_named(
    settings: Settings, database: Database, db: AsyncSession, user: User
) -> None:
    async def log_in_from(address: str) -> None:
        await sessions.start(db, user.id, Device("", address), datetime.now(UTC), timedelta(days=1))
        await db.commit()

    assert await found(checks.clients_differ, settings, database) == []
    await log_in_from("10.0.0.5")
    await log_in_from("10.0.0.5")
    assert await found(checks.clients_differ, settings, database) == ["accounts.W009"]
    await log_in_from("198.51.100.1")
    assert await found(checks.clients_differ, settings, database) == []


async def test_that_all_clients_share_a_public_address_is_no_problem(
    settings: Settings, database: Database, db: AsyncSession, user: User
) -> None:
    """They may be in one office."""
    await sessions.start(db, user.id, Device("", "8.8.8.8"), datetime.now(UTC), timedelta(days=1))
    await db.commit()

    assert await found(checks.clients_differ, settings, database) == []


async def test_where_nobody_may_do_everything_the_first_step_is_told(
    settings: Settings, database: Database, db: AsyncSession, admin: User
) -> None:
    assert await found(checks.somebody_may_do_everything, settings, database) == []
    admin.disabled = True
    await db.commit()
    assert await found(checks.somebody_may_do_everything, settings, database) == ["accounts.I001"]


async def test_a_database_without_tables_has_no_first_step_but_to_migrate(settings: Settings) -> None:
    async with new_database() as url:
        empty = Database(url)
        assert await found(checks.somebody_may_do_everything, settings, empty) == []
        await empty.dispose()


async def test_a_permission_that_no_model_has_is_named(settings: Settings, database: Database, serve: Serve) -> None:
    outer = APIRouter(dependencies=[requires("accounts.view_users")])
    inner = APIRouter()

    @inner.get("/slip", dependencies=[requires("accounts.view_group"), requires("nowhere.fly")])
    async def slip() -> None: ...

    outer.include_router(inner)
    serve(outer)

    problems = [problem async for problem in checks.permissions_of_routes_exist(settings, database)]

    assert [str(each) for each in problems] == [
        "accounts.W010: A route asks for the permission accounts.view_users, which no model has. "
        "Do you mean accounts.view_user?",
        "accounts.W010: A route asks for the permission nowhere.fly, which no model has. "
        "Correct it, or name it in __permissions__ of a model.",
    ]
