from pathlib import Path

import pytest

from app.core.cli.commands import project
from app.core.db import Database
from app.settings import Settings
from tests.commands import call
from tests.core.cli.conftest import SetVariable
from tests.terminal import call_on_terminal, needs_terminal, without_control


async def test_check(database: Database) -> None:
    assert await call("check") == (0, "No problems found.\n", "")


async def test_check_for_production(database: Database) -> None:
    outcome = await call("check", "--deploy")

    assert (outcome.status, outcome.out) == (1, "")
    names = [line.partition(":")[0] for line in outcome.err.splitlines()]
    assert {"core.W001", "core.W004", "core.W006", "accounts.W001"} <= set(names)


@pytest.mark.parametrize(
    ("level", "status"), [("info", 1), ("warning", 1), ("error", 0)], ids=["info", "warning", "error"]
)
async def test_what_is_below_the_fail_level_is_only_said(database: Database, level: str, status: int) -> None:
    outcome = await call("check", "--deploy", "--fail-level", level)

    assert (outcome.status, outcome.out) == (status, "")
    assert "core.W001: ENVIRONMENT is test. Set ENVIRONMENT=production.\n" in outcome.err


async def test_a_database_that_is_away_is_a_problem_among_others(set_variable: SetVariable) -> None:
    set_variable("DATABASE_URL", "postgresql://localhost:1/none")

    lines = (await call("check", "--deploy")).err.splitlines()

    assert [line.partition(":")[0] for line in lines][:2] == ["core.E002", "core.W001"]


@needs_terminal
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
async def test_problems_have_colours_on_a_terminal_unless_nobody_wants_them(
    database: Database, variables: dict[str, str]
) -> None:
    seen = (await call_on_terminal("check", "--deploy", **variables)).out

    assert ("\x1b[33mcore.W001\x1b[0m" in seen) == (not variables)
    assert "core.W001: ENVIRONMENT is test. Set ENVIRONMENT=production.\n" in without_control(seen)


async def test_diffsettings_says_what_is_set_and_by_what(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, set_variable: SetVariable
) -> None:
    (tmp_path / ".env").write_text("JWT_ISSUER=file\nJWT_AUDIENCE=file\nALLOWED_HOST=x\nPOSTGRES_PASSWORD=hush\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.delenv("JWT_AUDIENCE")
    monkeypatch.delenv("PASSWORD_MIN_LENGTH")
    set_variable("JWT_ISSUER", "environment")
    set_variable("REDIS_URL", "redis://:hush@h:6379/0")

    outcome = await call("diffsettings")
    rows = {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines()}

    assert rows["JWT_ISSUER"] == ["environment", "environment,", "overrides", ".env"]
    assert rows["JWT_AUDIENCE"] == ["file", ".env"]
    assert rows["PASSWORD_MIN_LENGTH"][1:] == ["default"]
    assert rows["SECRET_KEY"] == ["***", "environment"]
    assert rows["REDIS_URL"] == ["redis://***@h:6379/0", "environment"]
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    assert outcome.err == ".env: ALLOWED_HOST is not a setting. Do you mean ALLOWED_HOSTS?\n"
    assert "hush" not in outcome.out


@needs_terminal
async def test_diffsettings_is_a_table_on_a_terminal(settings: Settings) -> None:
    seen = without_control((await call_on_terminal("diffsettings")).out)

    assert seen.split()[:4] == ["Setting", "Value", "Comes", "from"]
    assert settings.secret_key.get_secret_value() not in seen


async def test_initenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "BASE_DIR", tmp_path)

    assert (await call("initenv")).err.startswith(".env cannot be written")
    (tmp_path / ".env.example").write_text("SECRET_KEY=made-by-initenv\n")
    assert (await call("initenv")).out == "Wrote .env with new secrets.\n"
    assert (await call("initenv")).out == ".env exists already. It stays as it is.\n"
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert (await call("initenv")).err.startswith(".env: is a folder. ")
