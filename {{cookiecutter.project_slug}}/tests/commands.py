"""Runs the project's commands in this process."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch

from anyio import to_thread

from app.core.cli import main


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


async def call(*arguments: str, stdin: str = "") -> Outcome:
    """Run the command in a thread: there it can have its own event loop."""
    return await to_thread.run_sync(_call, arguments, stdin)


def _call(arguments: tuple[str, ...], stdin: str) -> Outcome:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", StringIO(stdin)):
        try:
            main(list(arguments))
        except SystemExit as end:
            if isinstance(end.code, str):
                return Outcome(1, out.getvalue(), end.code)
            return Outcome(end.code or 0, out.getvalue(), err.getvalue())
    return Outcome(0, out.getvalue(), err.getvalue())
