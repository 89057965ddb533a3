"""Writes the project's `.env`: the one place where its secrets live.

Standard library only, but for changes: the template's post-generation hook runs this file too, before anything is
installed.
"""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

PLACEHOLDER = "made-by-initenv"
"""Stands in `.env.example` where a secret belongs; the settings refuse it."""

# Other values stay as they are, since `docker run --env-file` takes quotes for a part of the value.
NEEDS_QUOTES = re.compile(r"""['"#\r\n]|^\s|\s$""")


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
    """Set these variables in `.env`, all or none: whenever the machine stops, the old file is there, or the new one.

    Comments and `export` stay.
    """
    from dotenv import set_key

    path = root / ".env"
    text = path.read_text(encoding="utf-8")
    with TemporaryDirectory(prefix=".env.", dir=root) as folder:  # git ignores it, should a crash leave it behind
        draft = Path(folder) / ".env"
        create_private(draft, text)
        for name, value in changes.items():
            exported = re.search(rf"^\s*export\s+{name}\s*=", text, re.MULTILINE) is not None
            set_key(draft, name, value, "always" if NEEDS_QUOTES.search(value) else "never", exported)
        write_private(path, draft.read_text(encoding="utf-8"))


def write_private(path: Path, text: str) -> None:
    """Put the text in the place of what is there, all or nothing, readable by its owner alone.

    A symlink stays one, and the owner stays the same. Raises PermissionError where that cannot be.
    """
    path = path.resolve()
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)  # of a run that was interrupted
    create_private(draft, text)
    if os.name == "posix":
        _keep_owner(path.stat(), draft)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())  # what takes the old one's place must be on the disk by then
    draft.replace(path)


def _keep_owner(before: os.stat_result, draft: Path) -> None:
    now = draft.stat()
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.chown(draft, before.st_uid, before.st_gid)


def create_private(path: Path, text: str) -> None:
    """Raises FileExistsError. The mode holds from the first byte on."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
