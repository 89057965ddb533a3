"""Runs the project's commands in this process, like `tests.commands`, but on a terminal, as a person sees them."""

import getpass
import os
import re
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from threading import Thread
from unittest.mock import patch

import pytest
from anyio import to_thread

from app.core.cli import main
from tests.commands import Outcome

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WIDTH = 100  # columns


async def call_on_terminal(*arguments: str, typed: str = "", **variables: str) -> Outcome:
    """Return as `out` all that the terminal showed, with colours and typed input."""
    environment = {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", **variables}
    with patch.dict(os.environ, environment):
        return await to_thread.run_sync(_call, arguments, typed)


def without_control(text: str) -> str:
    return CONTROL.sub("", text)


def _call(arguments: tuple[str, ...], typed: str) -> Outcome:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no pseudo-terminals")
    import pty

    master, slave = pty.openpty()
    seen = bytearray()
    reader = Thread(target=_read, args=(master, seen))
    reader.start()
    os.write(master, typed.encode())
    with os.fdopen(os.dup(slave)) as keyboard, os.fdopen(slave, "w", buffering=1) as screen, ExitStack() as stack:
        stack.enter_context(redirect_stdout(screen))
        stack.enter_context(redirect_stderr(screen))
        stack.enter_context(patch.object(sys, "stdin", keyboard))
        # It would ask at the terminal of the developer who runs the tests.
        stack.enter_context(patch.object(getpass, "getpass", input))
        status = _status(arguments)
    reader.join()
    os.close(master)
    return Outcome(status, seen.decode().replace("\r\n", "\n"), "")


def _status(arguments: tuple[str, ...]) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def _read(master: int, seen: bytearray) -> None:
    """Read until the end, which Linux reports as an error."""
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:
        pass
