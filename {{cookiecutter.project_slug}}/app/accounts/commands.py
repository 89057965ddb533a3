import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from app.accounts import services, sessions
from app.accounts.hashing import InvalidPassword, Passwords
from app.accounts.key_rotation import rotate_keys
from app.accounts.schemas import UserCreate
from app.core.cli import CommandError, ask_password, open_database
from app.settings import BASE_DIR, get_settings

cli = typer.Typer()


@cli.command()
def createsuperuser(
    username: Annotated[str | None, typer.Option(help="1 to 150 letters, digits and . _ + -")] = None,
    email: Annotated[str | None, typer.Option()] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask; the password is SUPERUSER_PASSWORD.")
    ] = False,
) -> None:
    """Make a user who may do everything; the password is SUPERUSER_PASSWORD, or asked for."""
    if no_input and not (username and email):
        raise CommandError("--no-input needs --username and --email.")
    new = _new_user(
        username or typer.prompt("Username"),
        email or typer.prompt("E-mail address"),
        _superuser_password(no_input),
    )
    asyncio.run(_create_superuser(new))
    print(f"Superuser {new.username} created.")


def _superuser_password(no_input: bool) -> str:
    if password := os.environ.get("SUPERUSER_PASSWORD"):
        return password
    if no_input:
        raise CommandError("--no-input needs the password in the environment, as SUPERUSER_PASSWORD.")
    return ask_password()


def _new_user(username: str, email: str, password: str) -> UserCreate:
    try:
        return UserCreate(username=username, email=email, password=password)
    except ValidationError as error:
        faults = (f"{detail['loc'][0]}: {detail['msg'].rstrip('.')}." for detail in error.errors(include_input=False))
        raise CommandError("\n".join(faults)) from None


async def _create_superuser(new: UserCreate) -> None:
    settings = get_settings()
    async with open_database() as database, database.session() as db:
        try:
            await services.create_user(db, Passwords.of(settings), new, is_superuser=True)
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
    """Delete the sessions that are over."""
    print(f"{asyncio.run(_flush())} sessions deleted.")


async def _flush() -> int:
    async with open_database() as database, database.session() as db:
        count = await sessions.flush(db, datetime.now(UTC))
        await db.commit()
    return count


@cli.command()
def changepassword(username: Annotated[str, typer.Argument(help="The username, or the e-mail address.")]) -> None:
    """Set a user's password: asked for twice, or read from standard input where that is no terminal."""
    asyncio.run(_change_password(username))
    print(f"Password of {username} changed.")


async def _change_password(username: str) -> None:
    settings = get_settings()
    async with open_database() as database, database.session() as db:
        user = await services.find_user(db, username)
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        try:
            await services.set_password(db, Passwords.of(settings), user, ask_password())
        except InvalidPassword as error:
            raise CommandError(str(error)) from None
