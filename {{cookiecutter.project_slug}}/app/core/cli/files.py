import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.cli.errors import CommandError


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Make an empty file that only its owner can read. If the block fails, remove it: nobody may take it for whole."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise CommandError(f"{path} cannot be made: {error.strerror}.") from None
    try:
        yield path
    except BaseException:
        path.unlink()
        raise
