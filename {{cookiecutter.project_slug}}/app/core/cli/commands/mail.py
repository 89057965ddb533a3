from typing import Annotated

import typer

from app.core.cli.application import asynchronous
from app.core.cli.errors import CommandError
from app.core.mail import MailError, compose, make_mailer
from app.core.ops import shown
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Project")
@asynchronous
async def sendtestemail(to: Annotated[str, typer.Argument(help="The recipient's address.")]) -> None:
    """Send a test mail, and print which server took it."""
    settings = get_settings()
    server = shown("email_url", settings.email_url)
    try:
        mail = compose(settings, "core/mails/test", to)
    except ValueError as error:
        raise CommandError(f"{to!r} is not an e-mail address: {error}") from None
    try:
        await make_mailer(settings).send(mail)
    except MailError as error:
        raise CommandError(f"{server} did not take the mail: {error}") from None
    print(f"{server} took the mail to {to}.")
