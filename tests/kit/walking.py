"""Follows a page as a reader does: runs its commands, writes its files, and compares what it promises.

A page is Markdown. In the order of the page:

- `sh`: commands for a shell, which keeps its folder and variables. What starts a server goes on in the background.
- `text` after commands: what they print. `…` stands for anything.
- a block whose first line is `# app/….py`, or with a path behind its language: a new file.
- `diff`: a change of the file on its first line.
- a paragraph that says Ctrl-C ends the server.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from markdown_it.token import Token

from tests.conftest import ROOT
from tests.kit.servers import LOOPBACK, STOP_LIMIT

SERVES = re.compile(r"^make run$|manage\.py runserver|^(?:\S*/)?uvicorn ")
FILE = re.compile(r"(?:#|--) (\S+/\S+|\S+\.\w+)\n")
PORT = 8000  # on pages
PATIENCE = 300  # s: a step may make an environment

# `set -a` keeps each variable for the next step. So do functions, such as `deactivate`.
STEP = 'set -aeu -o pipefail; . {state}/variables; cd "$(cat {state}/folder)"; set +u\n{commands}\n'
KEEP = "{{ export -p; declare -f; }} > {state}/variables; pwd > {state}/folder\n"


def clean_shell() -> dict[str, str]:
    """Return the variables of the developer's shell, but no virtual environment and no settings of a project."""
    settings = re.findall(
        r"^## (\w+)$", (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    dropped = {*settings, "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "MAKEFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


@dataclass(frozen=True)
class Step:
    """A block of a page, or a paragraph. Its line is for messages."""

    kind: str
    text: str
    path: str
    line: int


def steps(tokens: list[Token]) -> Iterator[Step]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if token.type == "inline":
            yield Step("prose", token.content, "", line)
        if token.type == "fence":
            kind, _, path = token.info.partition(" ")
            named = FILE.match(token.content) if kind != "sh" else None
            text = token.content
            if named and not path:
                path = named[1]
                text = text[named.end() :] if kind == "diff" else text
            yield Step(kind, text, path, line)


class Walk:
    """One reader in one folder, with one server at most."""

    def __init__(self, folder: Path, state: Path, port: int, replacements: Mapping[str, str], **variables: str) -> None:
        self.state, self.port = state, port
        self._replacements = {str(PORT): str(port), **replacements}
        self._environment = {**clean_shell(), "PORT": str(port), **variables}
        self._server: subprocess.Popen[bytes] | None = None
        self._said = ""
        state.mkdir()
        (state / "variables").touch()
        (state / "folder").write_text(str(folder), encoding="utf-8")

    @property
    def folder(self) -> Path:
        return Path((self.state / "folder").read_text(encoding="utf-8").rstrip("\n"))

    def follow(self, found: Iterator[Step]) -> None:
        for step in found:
            try:
                self._take(step)
            except AssertionError as error:
                raise AssertionError(f"line {step.line}: {error}") from None

    def _take(self, step: Step) -> None:
        match step.kind:
            case "prose" if "Ctrl-C" in step.text:
                self.stop()
            case "sh":
                self._run(self._replaced(step.text))
            case "text":
                assert matches(self._replaced(step.text), self._said), (
                    f"The page promises\n{step.text}\nbut:\n{self._said}"
                )
            case "diff":
                change(self.folder / step.path, step.text)
            case "prose":
                pass
            case _:
                assert step.path, f"A block of {step.kind or 'nothing'} has no path."
                write(self.folder / step.path, step.text)

    def _replaced(self, text: str) -> str:
        for old, new in self._replacements.items():
            text = text.replace(old, new)
        return text

    def _run(self, commands: str) -> None:
        if SERVES.search(commands.strip().splitlines()[-1]):
            return self._serve(commands)
        script = STEP.format(state=self.state, commands=commands) + KEEP.format(state=self.state)
        done = subprocess.run(self._bash(script), **self._options(), timeout=PATIENCE, check=False)
        self._said = done.stdout.decode()
        assert done.returncode == 0, f"{commands}\nended with {done.returncode}:\n{self._said}"
        return None

    def _bash(self, script: str) -> list[str]:
        return ["bash", "-c", script]

    def _options(self) -> dict[str, Any]:
        return {
            "env": self._environment,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
        }

    def _serve(self, commands: str) -> None:
        assert self._server is None, "A server runs already: the page did not say Ctrl-C."
        script = STEP.format(state=self.state, commands=commands)
        with (self.state / "server.log").open("wb") as log:
            options = {**self._options(), "stdout": log}
            self._server = subprocess.Popen(self._bash(script), **options, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._server.poll() is None, f"The server ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"The server does not answer:\n{self.log()}"
            time.sleep(0.1)

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{LOOPBACK}:{self.port}/health/live", trust_env=False).is_success
        return False

    def log(self) -> str:
        return (self.state / "server.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Send what a terminal sends to all its processes."""
        if self._server is None:
            return
        server, self._server = self._server, None
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise AssertionError(f"The server did not end:\n{self.log()}") from None


@contextmanager
def walking(folder: Path, state: Path, port: int, replacements: Mapping[str, str], **variables: str) -> Iterator[Walk]:
    walk = Walk(folder, state, port, replacements, **variables)
    try:
        yield walk
    finally:
        walk.stop()


def matches(promised: str, said: str) -> bool:
    """Return whether the lines occur in the output, one after the other. `…` stands for anything in a line."""
    lines = iter(said.splitlines())
    patterns = (".*".join(map(re.escape, line.split("…"))) for line in promised.strip().splitlines())
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


def write(file: Path, text: str) -> None:
    assert not file.exists(), f"{file} is there already. Show its change as a diff."
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def change(file: Path, diff: str) -> None:
    """Apply a diff without line numbers: the lines that stay and those that go must be in the file once, together."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] or line for line in lines if not line.startswith("+"))
    new = "".join(line[1:] or line for line in lines if not line.startswith("-"))
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has these lines {text.count(old)} times:\n{old}"
    file.write_text(text.replace(old, new), encoding="utf-8")
