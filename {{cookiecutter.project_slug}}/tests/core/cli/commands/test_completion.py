import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.settings import BASE_DIR
from tests.commands import call

# Each script prints what its shell offers for the words in `$@` after a press of Tab.
ASK = {
    "bash": """
source "$SCRIPT"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_manage_py "$1"
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { }; _files() { }; compadd() { shift; print -l -- $@ }
source $SCRIPT
words=("$@") CURRENT=$#
_manage_py
""",
    "fish": """
source $SCRIPT
complete -C "$argv"
""",
}


@pytest.fixture(params=ASK)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def offered(shell: str, script: Path, *words: str) -> set[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [shell, "-c", ASK[shell], *(["ask"] if shell != "fish" else []), *words]
    environment = {**os.environ, "PATH": path, "SCRIPT": str(script)}
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not run scripts by their first line")
async def test_tab_completes_what_is_typed(shell: str, tmp_path: Path) -> None:
    script = tmp_path / shell
    script.write_text((await call("completion", shell)).out, encoding="utf-8")

    assert offered(shell, script, "./manage.py", "mig") == {"migrate"}
    assert offered(shell, script, "python", "manage.py", "show") == {"showmigrations"}
    assert "migrate" not in offered(shell, script, "python", "other.py", "mig")


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        ("manage.py runserver --re", {"--reload"}),
        ("manage.py check --fail-level ", {"info", "warning", "error"}),
        ("manage.py completion z", {"zsh"}),
    ],
)
async def test_options_and_their_values_are_completed(
    monkeypatch: pytest.MonkeyPatch, words: str, offers: set[str]
) -> None:
    monkeypatch.setenv("MANAGE_PY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))

    assert set((await call()).out.split()) == offers
