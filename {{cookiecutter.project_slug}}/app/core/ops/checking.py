"""How `manage.py check` works: what a check is, and how all of them run.

An app adds checks in its module `checks`: asynchronous generators marked with `@check()`. Mark those for production
servers only with `@check(deploy=True)`, and those that `runserver` shows with `@check(start=True)`. An id never changes
its meaning, so people can search for it. Its letter is the level: E is an error, W a warning, I information.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from warnings import catch_warnings

from sqlalchemy.exc import DBAPIError, SAWarning

from app.core import registry
from app.core.db import Database, DatabaseUnavailable, UnknownMigrations, is_away
from app.settings import Settings

CORE = ("app.core.ops.checks", "app.core.ops.project_checks")
# A check that needs what cannot be imported, or models that do not fit together, fails too. So does the start.
CONSEQUENCES = {
    "core.E009": {"core.E004", "core.E011"},
    "core.E012": {"core.E004", "core.E011"},
    "core.E011": {"core.E004"},
}


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Problem:
    id: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id}: {self.message} {self.hint}"

    @property
    def level(self) -> Level:
        letter = self.id.rpartition(".")[2][:1]
        return {"I": Level.INFO, "W": Level.WARNING}.get(letter, Level.ERROR)

    def is_at_least(self, level: Level) -> bool:
        order = list(Level)
        return order.index(self.level) >= order.index(level)


Check = Callable[[Settings, Database], AsyncIterator[Problem]]

ALWAYS: list[Check] = []
DEPLOY: list[Check] = []
START: list[Check] = []


def check(*, deploy: bool = False, start: bool = False) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        if deploy:
            DEPLOY.append(function)
        if start:
            START.append(function)
        if not (deploy or start):
            ALWAYS.append(function)
        return function

    return register


def load_checks() -> None:
    """Import the modules of the core and of every app that have checks. This registers them."""
    for path in CORE:
        import_module(path)
    for path in registry.module_paths("checks"):
        with suppress(Exception):  # `apps_can_be_imported` reports it
            import_module(path)


async def run_checks(
    settings: Settings, database: Database, *, deploy: bool = False, start: bool = False
) -> list[Problem]:
    """Run the checks of the core and of every app. Return the problems, errors first."""
    load_checks()
    marked = [*ALWAYS, *(DEPLOY if deploy else ()), *(START if start else ())]
    asked = sorted(marked, key=_is_of_app)  # those of the core come first, whoever imported what before
    with catch_warnings(action="ignore", category=SAWarning):  # a module that fails may be imported more than once
        found = [problem for function in asked async for problem in _ask(function, settings, database)]
    once = dict.fromkeys(found)  # if the database is away, many checks find the same
    consequences = set().union(*(CONSEQUENCES.get(problem.id, ()) for problem in once))
    causes = [problem for problem in once if problem.id not in consequences]
    told = [problem for problem in causes if not _repeats(problem, causes)]
    return [problem for level in reversed(Level) for problem in told if problem.level == level]


def _is_of_app(function: Check) -> bool:
    return function.__module__ not in CORE


def _repeats(problem: Problem, found: Iterable[Problem]) -> bool:
    """Tell whether the server does not start for a reason that another check has found."""
    others = (each.message.rstrip(".") for each in found if each.id != problem.id)
    return problem.id == "core.E011" and any(message in problem.message for message in others)


async def _ask(function: Check, settings: Settings, database: Database) -> AsyncIterator[Problem]:
    try:
        async for problem in function(settings, database):
            yield problem
    except DatabaseUnavailable as error:
        yield _unreachable(error)
    except UnknownMigrations as error:
        yield _unknown(error)
    except DBAPIError as error:
        yield _unreachable(error.orig) if is_away(error) else _failed(function, error)
    except Exception as error:  # the other checks must still run
        yield _failed(function, error)


def _unreachable(error: BaseException | None) -> Problem:
    return Problem("core.E002", f"The database cannot be reached: {first_line(error)}.", "See DATABASE_URL.")


def _unknown(error: UnknownMigrations) -> Problem:
    """The database has migrations that are not in the code."""
    return Problem("core.E007", str(error), "`git log app` may show where they went.")


def _failed(function: Check, error: Exception) -> Problem:
    name = f"{function.__module__}.{function.__name__}"
    message = f"The check {name} failed: {type(error).__name__}: {first_line(error)}."
    return Problem("core.E004", message, "Repair the check, or what it checks.")


def first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0].rstrip(".")
