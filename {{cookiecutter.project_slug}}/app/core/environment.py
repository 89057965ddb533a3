"""Writes the project's `.env`: the one place where its secrets live.

Standard library only: the template's post-generation hook runs this file too, before anything is installed.
"""

import os
import secrets
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
        # O_EXCL decides, in one step, who writes; the mode holds from the first byte on.
        descriptor = os.open(root / ".env", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return True
