import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from app.accounts.authentication import sessions
from app.accounts.authentication.passwords.validators import Names, password_policy
from app.accounts.authentication.tokens.rotation import rotate_keys
from app.accounts.errors import AccountsError, Unknown
from app.accounts.models import Group, User
from app.accounts.permissions.granting import Operator
from app.accounts.permissions.schemas import GroupCreate, GroupUpdate
from app.accounts.use_cases import UseCases, open_accounts
from app.accounts.users.schemas import UserCreate, Username, UserQuery, UserUpdate
from app.core.cli import (
    CommandError,
    ask,
    ask_password,
    asynchronous,
    open_application,
    open_database,
    print_table,
    progress,
    say,
)
from app.core.db import COUNT_CAP, MAX_LIMIT
from app.core.settings import BASE_DIR
from app.core.web import EmailAddress, faults
from app.settings import get_settings

cli = typer.Typer()

RIGHTS = "Groups have permissions, and users are in groups: give --group with permissions, and --user with groups."
Model = TypeVar("Model", bound=BaseModel)


@cli.command(rich_help_panel="Accounts")
def createsuperuser(
    username: Annotated[
        str | None,
        typer.Option(envvar="SUPERUSER_USERNAME", help="1 to 150 letters, digits and . _ + -. Without it: a question."),
    ] = None,
    email: Annotated[str | None, typer.Option(envvar="SUPERUSER_EMAIL", help="Without it: a question.")] = None,
    no_input: Annotated[
        bool,
        typer.Option("--no-input", help="Do not ask. The environment has SUPERUSER_PASSWORD."),
    ] = False,
) -> None:
    """Make a user who may do everything. Without the environment variable SUPERUSER_PASSWORD, the command asks for one.

    In a script: `SUPERUSER_PASSWORD=… createsuperuser --no-input --username ada --email ada@example.com`.
    """
    if no_input and not (username and email):
        raise CommandError("--no-input needs --username and --email.")
    names = Names(username or ask("Username", Username), email or ask("E-mail address", EmailAddress))
    new = _valid(UserCreate, username=names.username, email=names.email, password=_superuser_password(names, no_input))
    _create_superuser(new)
    print(f"Superuser {new.username} created.")


def _superuser_password(names: Names, no_input: bool) -> str:
    if password := os.environ.get("SUPERUSER_PASSWORD"):
        return password
    if no_input:
        raise CommandError("--no-input needs the password in SUPERUSER_PASSWORD.")
    return _ask_password(names)


def _ask_password(names: Names) -> str:
    policy = password_policy(get_settings())
    return ask_password(lambda password: [fault.message for fault in policy.faults(password, names)])


def _valid(model: type[Model], **values: object) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise CommandError("\n".join(faults(error))) from None


@asynccontextmanager
async def _open_accounts() -> AsyncIterator[UseCases]:
    """Yield the use cases. A refusal is one line."""
    try:
        async with open_application() as app, open_accounts(app) as accounts:
            yield accounts
    except AccountsError as error:
        raise CommandError(f"{str(error).rstrip('.')}.") from None


@asynchronous
async def _create_superuser(new: UserCreate) -> None:
    async with _open_accounts() as accounts:
        await accounts.create_superuser(new, new.password)


@cli.command(rich_help_panel="Accounts")
def rotatekey() -> None:
    """Make new keys, and keep the old ones as fallbacks that still verify. Then restart the servers.

    The command replaces .env, so its user must be able to write to that folder. The owner of .env stays the same.
    """
    for line in rotate_keys(BASE_DIR, get_settings()):
        print(line)
    print("Restart the servers. Remove the fallbacks from .env when the last token that they signed has expired.")


@cli.command(rich_help_panel="Accounts")
@asynchronous
async def flushexpiredtokens() -> None:
    """Delete expired sessions now. A periodic task does this every hour."""
    now, deleted = datetime.now(UTC), 0
    async with open_database() as database, database.session() as db:
        with progress("Deleting sessions", await sessions.count_over(db, now)) as advance:
            async for count in sessions.flush(db, now):
                advance(count)
                deleted += count
    print(f"{deleted} sessions deleted.")


@cli.command(rich_help_panel="Accounts")
@asynchronous
async def changepassword(username: Annotated[str, typer.Argument(help="The username or the e-mail address.")]) -> None:
    """Set a user's password. On a terminal, the command asks twice. Without one, it reads a line of standard input."""
    async with _open_accounts() as accounts:
        user = await _find_user(accounts, username)
        await accounts.set_password(user, _ask_password(Names(user.username, user.email, user.full_name)))
    print(f"Password of {username} changed.")


async def _find_user(accounts: UseCases, name: str) -> User:
    user = await accounts.find_user(name)
    if user is None:
        raise CommandError(f"There is no user {name!r}.")
    return user


@cli.command(rich_help_panel="Accounts")
@asynchronous
async def listusers(
    search: Annotated[str, typer.Argument(help="The beginning of the username, e-mail address or name.")] = "",
    staff: Annotated[bool | None, typer.Option(help="Only staff, or only others.")] = None,
    superuser: Annotated[bool | None, typer.Option(help="Only superusers, or only others.")] = None,
    disabled: Annotated[bool | None, typer.Option(help="Only disabled users, or only others.")] = None,
    group: Annotated[str | None, typer.Option(help="Only members of this group.")] = None,
    sort: Annotated[str, typer.Option(help="A `sort` of `GET /users`, for example `--sort=-last_login`.")] = "username",
    limit: Annotated[int, typer.Option(help=f"How many users to show, at most {MAX_LIMIT}.")] = 50,
    offset: Annotated[int, typer.Option(help="How many users to skip.")] = 0,
) -> None:
    """List users: who they are, what they may do, and when they last logged in."""
    flags = {"is_staff": staff, "is_superuser": superuser, "disabled": disabled}
    query = _valid(UserQuery, search=search, sort=sort, limit=limit, offset=offset, **flags)
    async with _open_accounts() as accounts:
        if group is not None:
            query.group = (await _find_group(accounts, group)).id
        users, count = await accounts.list_users(query)
    print_table(("Username", "E-mail", "Name", "Rights", "Groups", "Last login"), list(map(_row, users)))
    if count > query.end:
        total = f"{count:,}" if count <= COUNT_CAP else f"more than {COUNT_CAP:,}"
        say(f"{len(users)} of {total} users. For the next page, use --offset {query.end}.")


def _row(user: User) -> tuple[str, ...]:
    """An empty value is a `-`: in a pipe, an empty column would disappear."""
    held = {"superuser": user.is_superuser, "staff": user.is_staff, "disabled": user.disabled}
    rights = ", ".join(name for name, has in held.items() if has)
    groups = ", ".join(sorted(group.name for group in user.groups))
    last_login = user.last_login.isoformat(timespec="minutes") if user.last_login else ""
    return tuple(text or "-" for text in (user.username, user.email, user.full_name, rights, groups, last_login))


ToUser = Annotated[str | None, typer.Option("--user", help="For groups: the user who joins or leaves them.")]
ToGroup = Annotated[str | None, typer.Option("--group", help="For permissions: the group. `grant` makes it if needed.")]
Named = Annotated[list[str], typer.Argument(help="Groups, or permissions like blog.view_post.")]


@cli.command(rich_help_panel="Accounts")
@asynchronous
async def grant(names: Named, user: ToUser = None, group: ToGroup = None) -> None:
    """Put a user into groups, or give permissions to a group.

    For example: `grant editors --user alice`, or `grant blog.add_post blog.change_post --group editors`.
    """
    await _change_rights(set(names), user, group, granted=True)


@cli.command(rich_help_panel="Accounts")
@asynchronous
async def revoke(names: Named, user: ToUser = None, group: ToGroup = None) -> None:
    """Take a user out of groups, or take permissions from a group. It undoes `grant`."""
    await _change_rights(set(names), user, group, granted=False)


async def _find_group(accounts: UseCases, name: str) -> Group:
    (group,) = await accounts.find_groups({name})
    return group


async def _change_rights(names: set[str], user: str | None, group: str | None, *, granted: bool) -> None:
    async with _open_accounts() as accounts:
        try:
            if user and not group:
                print(await _change_groups(accounts, user, names, granted))
            elif group and not user:
                print(await _change_permissions(accounts, group, names, granted))
            else:
                raise CommandError("Give either --user or --group, for example `grant editors --user alice`.")
        except Unknown as error:
            if ("." in error.names) == (error.field == "permissions"):
                raise
            raise CommandError(f"{error}. {RIGHTS}") from None


async def _change_groups(accounts: UseCases, name: str, names: set[str], granted: bool) -> str:
    user = await accounts.get_user((await _find_user(accounts, name)).id)
    named = {group.id for group in await accounts.find_groups(names)}
    present = {group.id for group in user.groups}
    changes = UserUpdate(groups=present | named if granted else present - named)
    user = await accounts.update_user(Operator(), user.id, changes)
    return f"{user.username} is now in: {', '.join(sorted(group.name for group in user.groups)) or 'no group'}."


async def _change_permissions(accounts: UseCases, name: str, names: set[str], granted: bool) -> str:
    try:
        group = await _find_group(accounts, name)
    except Unknown:
        if not granted:
            raise
        group = await accounts.create_group(Operator(), _valid(GroupCreate, name=name, permissions=names))
    else:
        present = {permission.name for permission in group.permissions}
        changes = GroupUpdate(permissions=present | names if granted else present - names)
        group = await accounts.update_group(Operator(), group.id, changes)
    may = ", ".join(sorted(permission.name for permission in group.permissions))
    return f"{group.name} may now: {may or 'nothing'}."
