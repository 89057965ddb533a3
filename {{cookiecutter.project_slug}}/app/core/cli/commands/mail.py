import asyncio
from email.message import EmailMessage
from typing import Annotated
from urllib.parse import urlsplit

import typer

from app.core.cli.errors import CommandError
from app.core.mail import MailError, compose, make_mailer
from app.settings import Settings, get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Project")
def sendtestemail(to: Annotated[str, typer.Argument(help="The recipient's address.")]) -> None:
    """Send a test mail, and print which server took it."""
    settings = get_settings()
    server = _without_credentials(settings.email_url.get_secret_value())
    try:
        asyncio.run(make_mailer(settings).send(_test_mail(settings, to)))
    except MailError as error:
        raise CommandError(f"{server} did not take the mail: {error}") from None
    print(f"{server} took the mail to {to}.")


def _test_mail(settings: Settings, to: str) -> EmailMessage:
    try:
        return compose(settings, "core/mails/test", to)
    except ValueError as error:
        raise CommandError(f"{to!r} is not an e-mail address: {error}") from None


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
