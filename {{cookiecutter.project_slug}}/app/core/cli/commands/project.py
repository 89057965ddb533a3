from typing import Annotated

import typer

from app.core.cli.application import asynchronous, open_database
from app.core.cli.console import print_table, say
from app.core.cli.errors import CommandError, refusal
from app.core.ops import Level, Problem, misspelt, origins, run_checks, shown
from app.core.settings import BASE_DIR, refuse_unreadable, write_env
from app.settings import get_settings

cli = typer.Typer()

STYLES = {Level.INFO: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}


@cli.command(rich_help_panel="Project")
@asynchronous
async def check(
    deploy: Annotated[bool, typer.Option("--deploy", help="Add the checks for a production server.")] = False,
    fail_level: Annotated[
        Level, typer.Option(help="The lowest level that sets the exit status to 1; lower ones are only printed.")
    ] = Level.WARNING,
) -> None:
    """Find problems in the project. Print each in one line with what to do; exit status 1 if there are any.

    Before a release, run `check --deploy` with the settings of the production server.
    """
    async with open_database() as database:
        problems = await run_checks(get_settings(), database, deploy=deploy)
    for problem in problems:
        report(problem)
    if any(problem.is_at_least(fail_level) for problem in problems):
        raise typer.Exit(1)
    if not problems:
        print("No problems found.")


def report(problem: Problem) -> None:
    say((problem.id, STYLES[problem.level]), f": {problem.message} ", (problem.hint, "dim"))


@cli.command(rich_help_panel="Project")
def diffsettings() -> None:
    """Show each setting, its value and where the value comes from. The values of secrets are hidden."""
    settings = get_settings()
    rows = [(name.upper(), shown(name, getattr(settings, name)), origin) for name, origin in origins().items()]
    print_table(("Setting", "Value", "Comes from"), rows)
    for name, meant in misspelt().items():
        say((".env", "yellow"), f": {name} is not a setting. Do you mean {meant}?")


@cli.command(rich_help_panel="Project")
def initenv() -> None:
    """Write a .env with new secrets, if there is no .env yet."""
    try:
        written = write_env(BASE_DIR)
    except OSError as error:
        raise CommandError(f".env cannot be written. {refusal(error)}") from None
    if not written:
        refuse_unreadable(BASE_DIR / ".env")
    print("Wrote .env with new secrets." if written else ".env exists already. It stays as it is.")
