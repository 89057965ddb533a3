"""For `manage.py rotatekey`: new keys sign, and the old ones still verify. A crash in between loses no key."""

import os
from collections.abc import Iterator
from pathlib import Path

from app.accounts.authentication.tokens.keys import (
    key_path,
    new_private_key,
    one_line,
    private_pem,
    public_pem,
    read_private_key,
)
from app.core.cli import CommandError
from app.core.settings import make_secret, update_env, write_private
from app.settings import Settings

Changes = dict[str, str]


def rotate_keys(root: Path, settings: Settings) -> Iterator[str]:
    """Yield a line for each new key.

    Raises CommandError before any change if a key is set outside `.env`.
    """
    changes = _secret_changes(root, settings)
    if settings.jwt_private_key is None:
        update_env(root, changes)
    else:
        _rotate_pair(root, settings, settings.jwt_private_key.get_secret_value(), changes)
        yield "JWT_PRIVATE_KEY is new."
    yield "SECRET_KEY is new."


def _secret_changes(root: Path, settings: Settings) -> Changes:
    fallbacks = [key.get_secret_value() for key in (settings.secret_key, *settings.secret_key_fallbacks)]
    return _in_file(root, {"SECRET_KEY": make_secret(), "SECRET_KEY_FALLBACKS": ",".join(fallbacks)})


def _rotate_pair(root: Path, settings: Settings, present: str, changes: Changes) -> None:
    algorithm = settings.jwt_algorithm
    public = public_pem(read_private_key(present, algorithm).public_key())
    fallbacks = ",".join(map(one_line, (public, *settings.jwt_public_key_fallbacks)))
    pem = private_pem(new_private_key(algorithm))
    path = key_path(present)
    if path is None:
        changes |= _in_file(root, {"JWT_PRIVATE_KEY": one_line(pem)})
    update_env(root, changes | _in_file(root, {"JWT_PUBLIC_KEY_FALLBACKS": fallbacks}))
    if path is not None:  # last: until then the old key still signs, and it is among the fallbacks already
        write_private(path, pem)


def _in_file(root: Path, changes: Changes) -> Changes:
    """Refuse to write a value that the environment overrides: the old key would still sign."""
    for name in changes:
        if name in os.environ or not (root / ".env").exists():
            raise CommandError(f"{name} is set in the environment, not in .env: rotate it there.")
    return changes
