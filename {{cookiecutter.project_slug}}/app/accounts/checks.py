from collections.abc import AsyncIterator
from difflib import get_close_matches
from ipaddress import ip_address

from fastapi.routing import iter_route_contexts
from limits import RateLimitItem
from sqlalchemy import exists, select

from app.accounts.authentication.passwords.hashing import DEFAULT_ROUNDS
from app.accounts.authentication.tokens.keys import key_path, load_keys
from app.accounts.models import Session, User
from app.core import registry
from app.core.db import Database, declared_permissions, pending_migrations
from app.core.ops import Problem, check
from app.core.settings import SettingsError, others_can_read
from app.core.web import permissions_of
from app.settings import Settings

MAX_ROUNDS = 14  # 0.8 s for a login
MAX_ACCESS_MINUTES = 60
MAX_REFRESH_DAYS = 90
MAX_MAILS_PER_HOUR = 60  # to one recipient; twelve times the default
COMPARED = 100  # sessions
MAX_FAILURES_PER_HOUR = 300  # for one account from one address; 5 a minute, fifteen times the default


@check()
async def keys_can_be_used(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """A key is missing, cannot be read, or does not fit JWT_ALGORITHM."""
    try:
        load_keys(settings)
    except SettingsError as error:
        yield Problem("accounts.E001", str(error), "See JWT_ALGORITHM in .env.example.")


@check()
async def private_key_is_private(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    path = key_path(settings.jwt_private_key.get_secret_value()) if settings.jwt_private_key else None
    if path is not None and others_can_read(path):
        message = "Other users of this machine can read the file that JWT_PRIVATE_KEY names."
        yield Problem("accounts.E002", message, "Run `chmod 600` on it.")


@check()
async def private_key_is_used(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.jwt_private_key is not None and settings.jwt_algorithm == "HS256":
        message = "JWT_PRIVATE_KEY is set, but JWT_ALGORITHM=HS256 signs with SECRET_KEY."
        yield Problem("accounts.W002", message, "Set JWT_ALGORITHM to EdDSA or RS256, or remove the key.")


@check(deploy=True)
async def hashes_are_costly(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.bcrypt_rounds < DEFAULT_ROUNDS:
        message = f"BCRYPT_ROUNDS is {settings.bcrypt_rounds}: attackers quickly guess passwords from stolen hashes."
        yield Problem("accounts.W001", message, f"Set it to {DEFAULT_ROUNDS} or more.")


@check(deploy=True)
async def hashes_are_affordable(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if settings.bcrypt_rounds > MAX_ROUNDS:
        message = f"BCRYPT_ROUNDS is {settings.bcrypt_rounds}: a few logins at once keep the server busy for seconds."
        yield Problem("accounts.W003", message, f"Set it to {MAX_ROUNDS} or less.")


@check(deploy=True)
async def tokens_expire_soon(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Routes that read the database notice the end of a session. Routes that trust only the token do not."""
    if (minutes := settings.access_token_expire_minutes) > MAX_ACCESS_MINUTES:
        message = f"ACCESS_TOKEN_EXPIRE_MINUTES is {minutes}: for this time, `JWTBearer` accepts a stolen token."
        yield Problem("accounts.W004", message, f"Set it to {MAX_ACCESS_MINUTES} or less: clients can refresh.")
    if (days := settings.refresh_token_expire_days) > MAX_REFRESH_DAYS:
        message = f"REFRESH_TOKEN_EXPIRE_DAYS is {days}: a forgotten device stays logged in for this time."
        yield Problem("accounts.W005", message, f"Set it to {MAX_REFRESH_DAYS} or less.")


@check(deploy=True)
async def guesses_are_throttled(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if _per_hour(settings.login_throttle) > MAX_FAILURES_PER_HOUR:
        message = f"LOGIN_THROTTLE allows {settings.login_throttle}: attackers can guess even average passwords."
        yield Problem("accounts.W006", message, "Set it to about 5/15 minutes.")


@check(deploy=True)
async def mails_are_throttled(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if _per_hour(settings.mail_throttle) > MAX_MAILS_PER_HOUR:
        message = f"MAIL_THROTTLE allows {settings.mail_throttle}: strangers can fill a mailbox with our mails."
        yield Problem("accounts.W008", message, "Set it to about 5/hour.")


def _per_hour(rate: RateLimitItem) -> float:
    return rate.amount * 3600 / rate.get_expiry()


@check(deploy=True)
async def passwords_are_judged(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if not settings.password_validators:
        message = "PASSWORD_VALIDATORS is empty: users can choose the most common passwords."
        yield Problem("accounts.W007", message, "Remove it: the default refuses them.")


@check(deploy=True)
async def clients_differ(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    """Behind a proxy that the server does not trust, all clients have the proxy's address."""
    if await pending_migrations(database):
        return  # another check reports this
    newest = select(Session.ip_address).where(Session.ip_address.is_not(None)).order_by(Session.expires_at.desc())
    async with database.session() as db:
        addresses = set(await db.scalars(newest.limit(COMPARED)))
    if len(addresses) == 1 and not ip_address(address := str(addresses.pop())).is_global:
        message = f"All who logged in came from {address}. If that is your proxy, its clients can lock each other out."
        yield Problem("accounts.W009", message, f"Set FORWARDED_ALLOW_IPS={address} for the server.")


@check(start=True)
async def somebody_may_do_everything(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    if await pending_migrations(database):
        return  # another check reports this, and the table of users may be missing
    async with database.session() as db:
        if not await db.scalar(select(exists().where(User.is_superuser, User.disabled.is_(False)))):
            yield Problem("accounts.I001", "There is no superuser yet.", "Run `make superuser`.")


@check()
async def permissions_of_routes_exist(settings: Settings, database: Database) -> AsyncIterator[Problem]:
    known = declared_permissions()
    contexts = (each for module in registry.modules("routes") for each in iter_route_contexts(module.router.routes))
    dependants = [each.dependant for each in contexts if hasattr(each, "dependant")]  # Starlette's own routes have none
    asked = {name for each in dependants if each for name in permissions_of(each)}
    for name in sorted(asked - known):
        alike = get_close_matches(name, known, n=1)
        hint = f"Do you mean {alike[0]}?" if alike else "Correct it, or name it in __permissions__ of a model."
        yield Problem("accounts.W010", f"A route asks for the permission {name}, which no model has.", hint)
