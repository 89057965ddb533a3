"""A Python shell that knows the project."""

import ast
import asyncio
import code
import inspect
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import CodeType, FunctionType, TracebackType
from typing import Annotated, Any

import typer
from fastapi import FastAPI
from sqlalchemy import select

from app.core.cli.application import act_as_operator, load_application
from app.core.cli.console import say
from app.core.db import Base
from app.settings import get_settings

cli = typer.Typer()

Names = dict[str, Any]


@cli.command(rich_help_panel="Project")
def shell(
    command: Annotated[str | None, typer.Option("--command", "-c", help="Run this Python code, then end.")] = None,
) -> None:
    """Open a Python shell with the models and a database session. `await` works anywhere.

    For example: `user = (await db.scalars(select(User))).first()`, change it, `await db.commit()`.

    The shell is IPython, if it is installed. Input from a pipe runs as a script.
    """
    act_as_operator()  # before the runner, which copies the context for all that it runs
    with asyncio.Runner() as runner, _names(runner) as names:
        if command is not None:
            _run(runner, command, names)
        elif not sys.stdin.isatty():
            _run(runner, sys.stdin.read(), names)
        else:
            _introduce(names)
            _interact(runner, names)


@contextmanager
def _names(runner: asyncio.Runner) -> Iterator[Names]:
    app = load_application()
    with _lifespan(runner.get_loop(), app):
        db = app.state.database.session()
        models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
        try:
            yield {**models, "app": app, "db": db, "select": select, "settings": get_settings()}
        finally:
            runner.run(db.close())


@contextmanager
def _lifespan(loop: asyncio.AbstractEventLoop, app: FastAPI) -> Iterator[None]:
    """Run the application's lifespan in one task: the task that opens it must close it.

    The loop turns only while the shell awaits something.
    """
    opened, over = loop.create_future(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            opened.set_result(None)
            await over.wait()

    life = loop.create_task(live())
    loop.run_until_complete(asyncio.wait([life, opened], return_when=asyncio.FIRST_COMPLETED))
    try:
        if opened.done():
            yield
    finally:
        over.set()
        loop.run_until_complete(life)


def _introduce(names: Names) -> None:
    say("You can use ", (", ".join(sorted(names)), "cyan"), ". `await` works anywhere. exit() ends the shell.")


def _run(runner: asyncio.Runner, source: str, names: Names) -> None:
    script = compile(source, "<shell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    runner.run(_execute(script, names))


async def _execute(script: CodeType, names: Names) -> None:
    result = FunctionType(script, names)()
    if inspect.iscoroutine(result):  # the script has an `await` at its top level
        await result


def _interact(runner: asyncio.Runner, names: Names) -> None:
    if find_spec("IPython"):
        _open_ipython(runner, names)
    else:
        _complete_by_tab(names)
        Console(runner, names).interact("", exitmsg="")


def _open_ipython(runner: asyncio.Runner, names: Names) -> None:
    from IPython import start_ipython
    from traitlets.config import Config

    def run(coroutine: Coroutine[Any, Any, object]) -> object:
        return runner.run(coroutine)  # the session's connections belong to this runner's loop

    start_ipython(argv=[], user_ns=names, config=Config(InteractiveShell={"loop_runner": run}))


def _complete_by_tab(names: Names) -> None:
    if sys.platform == "win32":  # it has no readline, and some other Pythons have none either
        return
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")


class Console(code.InteractiveConsole):
    """The console of the standard library, with `await` as in `python -m asyncio`."""

    def __init__(self, runner: asyncio.Runner, names: Names) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.runner = runner
        self.names = names

    def runcode(self, script: CodeType) -> None:
        try:
            self.runner.run(_execute(script, self.names))
        except (Exception, asyncio.CancelledError) as error:
            error.__traceback__ = _from_console(error.__traceback__)
            self.showtraceback()


def _from_console(trace: TracebackType | None) -> TracebackType | None:
    """Drop our own frames and asyncio's from a traceback. It begins with the code that was typed."""
    while trace and trace.tb_next and trace.tb_next.tb_frame.f_code.co_filename != "<console>":
        trace = trace.tb_next
    return trace
