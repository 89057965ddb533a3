import asyncio
from typing import Annotated

import typer

from app.core.cli.application import open_database
from app.core.cli.console import print_table, say
from app.core.cli.errors import CommandError
from app.core.cli.problems import report
from app.core.ops import Level, Problem, misspelt, origins, run_checks, shown
from app.core.settings import BASE_DIR, write_env
from app.settings import get_settings

cli = typer.Typer()


@cli.command(rich_help_panel="Project")
def check(
    deploy: Annotated[bool, typer.Option("--deploy", help="Ask also what a production server must pass.")] = False,
    fail_level: Annotated[
        Level, typer.Option(help="The least level that makes the exit status 1; what is below is only said.")
    ] = Level.WARNING,
) -> None:
    """Name what is unfit, a line each with what to do; exit status 1 where there is anything.

    Before a release, with the settings of the production server: `check --deploy`.
    """
    problems = asyncio.run(_problems(deploy))
    for problem in problems:
        report(problem)
    if any(problem.is_at_least(fail_level) for problem in problems):
        raise typer.Exit(1)
    if not problems:
        print("No problems found.")


async def _problems(deploy: bool) -> list[Problem]:
    async with open_database() as database:
        return await run_checks(get_settings(), database, deploy=deploy)


@cli.command(rich_help_panel="Project")
def diffsettings() -> None:
    """Show each setting, its value and where that comes from; of what is secret, only that it is set."""
    settings = get_settings()
    rows = [(name.upper(), shown(name, getattr(settings, name)), origin) for name, origin in origins().items()]
    print_table(("Setting", "Value", "Comes from"), rows)
    for name, meant in misspelt().items():
        say((".env", "yellow"), f": {name} is no setting. Is {meant} meant?")


@cli.command(rich_help_panel="Project")
def initenv() -> None:
    """Write a .env with new secrets, where there is none yet."""
    try:
        written = write_env(BASE_DIR)
    except OSError as error:
        raise CommandError(f".env cannot be written: {error}") from None
    print("Wrote .env with new secrets." if written else "There is a .env already; it stays as it is.")
