"""All use cases of accounts, for routes, the admin site, commands, tasks and other apps.

@router.post("/session")
async def log_in(form: LoginForm, accounts: Accounts) -> Token:
    return (await accounts.log_in(form.name, form.password)).token

Outside a request: `async with open_accounts(app) as accounts: ...`
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.applications import Starlette

from app.accounts.authentication.context import COMMAND_LINE
from app.accounts.authentication.sessions import Device
from app.accounts.authentication.staff import Staff
from app.accounts.permissions.groups import Groups
from app.accounts.users.administration import Administration
from app.accounts.users.password import NewPassword
from app.accounts.users.profile import Profile
from app.accounts.users.registration import Registration
from app.core.db import Database, Db


class UseCases(Staff, NewPassword, Profile, Registration, Administration, Groups):
    """Each use case commits its changes, or raises an AccountsError."""


async def get_accounts(connection: HTTPConnection, db: Db) -> UseCases:
    return UseCases(connection.app.state, db, Device.of(connection))


Accounts = Annotated[UseCases, Depends(get_accounts)]


@asynccontextmanager
async def open_accounts(app: Starlette, client: HTTPConnection | None = None) -> AsyncIterator[UseCases]:
    """Yield the use cases with their own database session. If there is a request, pass it: throttles count it."""
    database: Database = app.state.database
    async with database.session() as db:
        yield UseCases(app.state, db, Device.of(client) if client else COMMAND_LINE)
