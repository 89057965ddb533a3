"""Prints the problems that the system checks find."""

from app.core.cli.console import say
from app.core.ops import Level, Problem

STYLES = {Level.INFO: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}


def report(problem: Problem) -> None:
    say((problem.id, STYLES[problem.level]), f": {problem.message} ", (problem.hint, "dim"))
