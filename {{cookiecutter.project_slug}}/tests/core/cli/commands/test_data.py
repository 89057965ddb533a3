import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.db import Database
from app.core.settings import BASE_DIR
from tests.commands import call
from tests.core.cli.conftest import SetVariable

FULL = Path("/dev/full")
COMMANDS = ("dumpdata", "listusers", "routes", "openapi")


def start(*arguments: str, stdout: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(command, cwd=BASE_DIR, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("user")
def test_a_full_disk_is_one_line(command: str) -> None:
    with FULL.open("wb") as full, start(command, stdout=full.fileno()) as process:
        _, errors = process.communicate()

    assert (process.returncode, errors) == (1, "The output cannot be written: No space left on device.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("user")
def test_a_reader_that_has_enough_is_no_error(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start(command, stdout=writing) as process:
        os.close(writing)
        _, errors = process.communicate()

    assert errors == ""


async def test_a_dump_that_fails_leaves_no_file(set_variable: SetVariable, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "dump"
    set_variable("DATABASE_URL", f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    assert (await call("dumpdata", "-o", str(file))).err.startswith("A table or a column is missing in the database.")
    assert not file.exists()
