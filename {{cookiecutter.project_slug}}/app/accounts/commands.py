import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import administration, services, sessions
from app.accounts.administration import Operator
from app.accounts.hashing import InvalidPassword, Passwords
from app.accounts.key_rotation import rotate_keys
from app.accounts.models import User
from app.accounts.schemas import GroupCreate, GroupUpdate, UserCreate, UserUpdate
from app.core.cli import CommandError, ask_password, open_application, open_database
from app.core.console import progress
from app.settings import BASE_DIR, get_settings

cli = typer.Typer()

Model = TypeVar("Model", bound=BaseModel)


@cli.command()
def createsuperuser(
    username: Annotated[str | None, typer.Option(help="1 to 150 letters, digits and . _ + -; else asked for.")] = None,
    email: Annotated[str | None, typer.Option(help="Else asked for.")] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask; the password is SUPERUSER_PASSWORD.")
    ] = False,
) -> None:
    """Make a user who may do everything; the password is SUPERUSER_PASSWORD, or asked for.

    In a script: `SUPERUSER_PASSWORD=… createsuperuser --no-input --username ada --email ada@example.com`.
    """
    if no_input and not (username and email):
        raise CommandError("--no-input needs --username and --email.")
    new = _valid(
        UserCreate,
        username=username or typer.prompt("Username"),
        email=email or typer.prompt("E-mail address"),
        password=_superuser_password(no_input),
    )
    asyncio.run(_create_superuser(new))
    print(f"Superuser {new.username} created.")


def _superuser_password(no_input: bool) -> str:
    if password := os.environ.get("SUPERUSER_PASSWORD"):
        return password
    if no_input:
        raise CommandError("--no-input needs the password in the environment, as SUPERUSER_PASSWORD.")
    return ask_password()


def _valid(model: type[Model], **values: object) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = (f"{detail['loc'][0]}: {detail['msg'].rstrip('.')}." for detail in error.errors(include_input=False))
        raise CommandError("\n".join(faults)) from None


async def _create_superuser(new: UserCreate) -> None:
    settings = get_settings()
    async with open_database() as database, database.session() as db:
        try:
            await services.create_user(db, Passwords.of(settings), new, new.password, is_superuser=True)
        except InvalidPassword as error:
            raise CommandError(str(error)) from None
        except services.Taken as error:
            raise CommandError(f"Another user has this {error}.") from None


@cli.command()
def rotatekey() -> None:
    """Sign with new keys from the next start on; the present ones go to the fallbacks, and still verify."""
    for line in rotate_keys(BASE_DIR, get_settings()):
        print(line)
    print("Restart the servers. Take the fallbacks out of .env when the last token they signed has expired.")


@cli.command()
def flushexpiredtokens() -> None:
    """Delete the sessions that are over, now: a periodic task does so every hour."""
    print(f"{asyncio.run(_flush(datetime.now(UTC)))} sessions deleted.")


async def _flush(now: datetime) -> int:
    deleted = 0
    async with open_database() as database, database.session() as db:
        with progress("Deleting sessions", await sessions.count_over(db, now)) as advance:
            async for count in sessions.flush(db, now):
                advance(count)
                deleted += count
    return deleted


@cli.command()
def changepassword(username: Annotated[str, typer.Argument(help="The username, or the e-mail address.")]) -> None:
    """Set a user's password: asked for twice, or read from standard input where that is no terminal."""
    asyncio.run(_change_password(username))
    print(f"Password of {username} changed.")


async def _change_password(username: str) -> None:
    async with open_application() as app, app.state.database.session() as db:
        user = await _find_user(db, username)
        try:
            await services.set_password(db, app.state.tasks, app.state.passwords, user, ask_password())
        except InvalidPassword as error:
            raise CommandError(str(error)) from None


async def _find_user(db: AsyncSession, name: str) -> User:
    user = await services.find_user(db, name)
    if user is None:
        raise CommandError(f"There is no user {name!r}.")
    return user


ToUser = Annotated[str | None, typer.Option("--user", help="Of groups: who joins, or leaves, them.")]
ToGroup = Annotated[str | None, typer.Option("--group", help="Of permissions: the group; `grant` makes a new one.")]
Named = Annotated[list[str], typer.Argument(help="Groups, or permissions such as blog.view_post.")]


@cli.command()
def grant(names: Named, user: ToUser = None, group: ToGroup = None) -> None:
    """Put a user into groups, or give permissions to a group.

    As in `grant editors --user alice`, or `grant blog.add_post blog.change_post --group editors`.
    """
    asyncio.run(_change_rights(set(names), user, group, granted=True))


@cli.command()
def revoke(names: Named, user: ToUser = None, group: ToGroup = None) -> None:
    """Take a user out of groups, or permissions from a group: as `grant` gives them."""
    asyncio.run(_change_rights(set(names), user, group, granted=False))


async def _change_rights(names: set[str], user: str | None, group: str | None, *, granted: bool) -> None:
    async with open_database() as database, database.session() as db:
        try:
            if user and not group:
                print(await _change_groups(db, user, names, granted))
            elif group and not user:
                print(await _change_permissions(db, group, names, granted))
            else:
                raise CommandError("Say either --user or --group, as in `grant editors --user alice`.")
        except administration.Unknown as error:
            raise CommandError(f"There are no such {error.field}: {error}.") from None


async def _change_groups(db: AsyncSession, name: str, names: set[str], granted: bool) -> str:
    user = await services.get_user(db, (await _find_user(db, name)).id)
    named = {group.id for group in await administration.find_groups(db, names)}
    present = {group.id for group in user.groups}
    changes = UserUpdate(groups=present | named if granted else present - named)
    user = await administration.update_user(db, Operator(), user.id, changes)
    return f"{user.username} is now in: {', '.join(sorted(group.name for group in user.groups)) or 'no group'}."


async def _change_permissions(db: AsyncSession, name: str, names: set[str], granted: bool) -> str:
    try:
        (group,) = await administration.find_groups(db, {name})
    except administration.Unknown:
        if not granted:
            raise
        group = await administration.create_group(db, Operator(), _valid(GroupCreate, name=name, permissions=names))
    else:
        present = {permission.name for permission in group.permissions}
        changes = GroupUpdate(permissions=present | names if granted else present - names)
        group = await administration.update_group(db, Operator(), group.id, changes)
    may = ", ".join(sorted(permission.name for permission in group.permissions))
    return f"{group.name} may now: {may or 'nothing'}."
