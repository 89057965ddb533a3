import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.core.cli.application import load_application
from app.core.db import Database
from app.core.settings import TITLE
from tests.commands import call
from tests.terminal import call_on_terminal, needs_terminal, without_control


async def test_a_command_knows_the_models_and_may_await(user: User) -> None:
    read = "print((await db.scalars(select(User.username))).all(), settings.environment, app.title)"

    assert await call("shell", "--command", read) == (0, f"['alice'] test {TITLE}\n", "")


async def test_a_script_comes_through_a_pipe(user: User, db: AsyncSession) -> None:
    script = """
async def first(query):
    return (await db.scalars(query)).first()

alice = await first(select(User))
alice.full_name = "Alice"
await db.commit()
"""
    assert await call("shell", stdin=script) == (0, "", "")

    await db.refresh(user)
    assert user.full_name == "Alice"


async def test_what_is_not_committed_is_forgotten(user: User, db: AsyncSession) -> None:
    await call("shell", "-c", "(await db.scalars(select(User))).one().full_name = 'Alice'; await db.flush()")

    await db.refresh(user)
    assert user.full_name == ""


async def test_the_application_has_begun_and_ends_with_the_shell(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        steps.append("begun")
        yield
        steps.append("ended")

    monkeypatch.setattr(load_application().router, "lifespan_context", lifespan)
    with pytest.raises(ZeroDivisionError):
        await call("shell", "-c", "1 / 0")

    assert steps == ["begun", "ended"]


async def test_an_application_that_cannot_begin_says_why(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise ConnectionRefusedError("nobody listens")
        yield

    monkeypatch.setattr(load_application().router, "lifespan_context", lifespan)
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        await call("shell", "-c", "print('never')")


@needs_terminal
async def test_the_console_awaits_and_goes_on_after_an_error(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.cli.commands.shell.find_spec", lambda name: None)  # even if IPython is installed
    typed = "x = await db.scalar(select(User.username))\nx.upper()\nnope\n1 +\nexit()\n"

    seen = without_control((await call_on_terminal("shell", typed=typed)).out)

    names = re.search(r"(\w+(,\s+\w+)*)\. `await` works anywhere\. exit\(\) ends the shell\.\n", seen)
    assert names
    assert {"Session", "User", "app", "db", "select", "settings"} <= set(re.findall(r"\w+", names[1]))
    assert "'ALICE'\n" in seen
    assert "NameError: name 'nope' is not defined" in seen
    assert "SyntaxError: invalid syntax\n" in seen
    assert "runners.py" not in seen


@needs_terminal
async def test_ipython_is_used_where_it_is_installed(user: User) -> None:
    pytest.importorskip("IPython")

    seen = (await call_on_terminal("shell", typed="(await db.scalar(select(User.username))).upper()\nexit()\n")).out

    assert "'ALICE'" in without_control(seen)
