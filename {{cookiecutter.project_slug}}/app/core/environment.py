"""Writes the project's `.env`: the one place where its secrets live.

Standard library only, but for changes: the template's post-generation hook runs this file too, before anything is
installed.
"""

import os
import secrets
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

PLACEHOLDER = "made-by-initenv"
"""Stands in `.env.example` where a secret belongs; the settings refuse it."""


def make_secret() -> str:
    """Return 86 URL-safe characters that carry 512 bits from the system's CSPRNG."""
    return secrets.token_urlsafe(64)


def write_env(root: Path) -> bool:
    """Make `.env` from `.env.example` with a new secret for each placeholder, readable by its owner alone.

    Returns False, and changes nothing, where there is a `.env` already: a secret in use is never replaced.
    Raises FileNotFoundError where there is no `.env.example`.
    """
    first, *rest = (root / ".env.example").read_text(encoding="utf-8").split(PLACEHOLDER)
    text = first + "".join(make_secret() + part for part in rest)
    try:
        create_private(root / ".env", text)
    except FileExistsError:
        return False
    return True


def update_env(root: Path, changes: Mapping[str, str]) -> None:
    """Set these variables in `.env`, all or none: whenever the machine stops, the old file is there, or the new one."""
    text = (root / ".env").read_text(encoding="utf-8")
    write_private(root / ".env", _changed(text, changes))


def _changed(text: str, changes: Mapping[str, str]) -> str:
    """Replace each variable where it stands, comments and all else kept; append those that are not there."""
    from dotenv.parser import parse_stream

    missing = dict(changes)
    lines = []
    for binding in parse_stream(StringIO(text)):
        name = binding.key or ""  # of a comment
        lines.append(f"{name}={changes[name]}\n" if name in changes else binding.original.string)
        missing.pop(name, None)
    end = "" if not text or text.endswith("\n") else "\n"
    return "".join([*lines, end, *(f"{name}={value}\n" for name, value in missing.items())])


def write_private(path: Path, text: str) -> None:
    """Put the text in the place of what is there, all or nothing, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)  # of a run that was interrupted
    create_private(draft, text)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())  # what takes the old one's place must be on the disk by then
    draft.replace(path)


def create_private(path: Path, text: str) -> None:
    """Raises FileExistsError. The mode holds from the first byte on."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
