import asyncio
from typing import Annotated

import typer

from app.core import registry
from app.core.checks import Problem, run_checks
from app.core.cli import CommandError, open_database
from app.core.environment import write_env
from app.settings import BASE_DIR, get_settings

cli = typer.Typer()


@cli.command()
def check(
    deploy: Annotated[bool, typer.Option("--deploy", help="Ask also what a production server must pass.")] = False,
) -> None:
    """Name what is unfit, a line each; exit status 1 where there is anything."""
    problems = asyncio.run(_problems(deploy))
    if problems:
        raise CommandError("\n".join(map(str, problems)))
    print("No problems found.")


async def _problems(deploy: bool) -> list[Problem]:
    for _ in registry.modules("checks"):
        pass  # importing it registers them
    async with open_database() as database:
        return await run_checks(get_settings(), database, deploy=deploy)


@cli.command()
def initenv() -> None:
    """Write a .env with new secrets, where there is none yet."""
    try:
        written = write_env(BASE_DIR)
    except OSError as error:
        raise CommandError(f".env cannot be written: {error}") from None
    print("Wrote .env with new secrets." if written else "There is a .env already; it stays as it is.")
