"""Writes the project's `.env`, the only place for its secrets.

It uses the standard library only, except in `update_env`: the template's post-generation hook runs this file before
anything is installed.
"""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

PLACEHOLDER = "made-by-initenv"
"""`.env.example` has it in place of each secret. The settings refuse it."""

# A shell takes other values as they are. `docker run --env-file` keeps quotes, and the settings remove them.
NEEDS_QUOTES = re.compile(r"[^\w@%+=:,./\\-]")


def make_secret() -> str:
    """Return 86 URL-safe characters with 512 random bits from the system's CSPRNG."""
    return secrets.token_urlsafe(64)


def write_env(root: Path) -> bool:
    """Make `.env` from `.env.example` with a new secret for each placeholder. Only its owner can read it.

    `${NAME}` becomes the secret with this name, because systemd and `docker run --env-file` replace nothing.
    Return False and change nothing if there is a `.env` already: it may hold secrets in use.
    Raises FileNotFoundError if there is no `.env.example`.
    """
    text = (root / ".env.example").read_text(encoding="utf-8")
    for name in re.findall(rf"^(\w+)={PLACEHOLDER}$", text, re.MULTILINE):
        secret = make_secret()
        text = text.replace(f"{name}={PLACEHOLDER}", f"{name}={secret}").replace(f"${{{name}}}", secret)
    try:
        create_private(root / ".env", text)
    except FileExistsError:
        return False
    return True


def update_env(root: Path, changes: Mapping[str, str]) -> None:
    """Set these variables in `.env`, all or none. After a crash, the file is the old one or the new one.

    Comments and `export` stay.
    """
    from dotenv import set_key

    path = root / ".env"
    text = path.read_text(encoding="utf-8")
    with TemporaryDirectory(prefix=".env.", dir=root) as folder:  # git ignores it if a crash leaves it behind
        draft = Path(folder) / ".env"
        create_private(draft, text)
        for name, value in changes.items():
            exported = re.search(rf"^\s*export\s+{name}\s*=", text, re.MULTILINE) is not None
            set_key(draft, name, value, "always" if NEEDS_QUOTES.search(value) else "never", exported)
        write_private(path, draft.read_text(encoding="utf-8"))


def write_private(path: Path, text: str) -> None:
    """Replace the whole text of a file, or nothing. Only its owner can read it.

    A symlink stays a symlink, and the owner stays the same. Raises PermissionError if that is impossible.
    """
    path = path.resolve()
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)  # left by an interrupted run
    create_private(draft, text)
    try:
        _keep_owner(path.stat(), draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _keep_owner(before: os.stat_result, draft: Path) -> None:
    now = draft.stat()
    if sys.platform != "win32" and (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.chown(draft, before.st_uid, before.st_gid)


def others_can_read(path: Path) -> bool:
    """Tell whether the file exists and other users of this machine have any access to it. Only POSIX has such modes."""
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & 0o077)


def create_private(path: Path, text: str) -> None:
    """Make a file with mode 0600 from the first byte on. The whole text is on the disk afterwards, or there is no file.

    Raises FileExistsError, or OSError, for example if the disk is full.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise
