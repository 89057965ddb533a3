"""Refuses a `.env` that can be read only in part: a setting would silently have its default."""

from pathlib import Path

from dotenv.parser import Binding, parse_stream

from app.core.settings.errors import SettingsError


def refuse_unreadable(path: Path) -> None:
    """Raise SettingsError if this is not a file, or if a line is not a setting. The error does not show the line.

    If there is no file, the environment has the settings.
    """
    if path.is_dir():
        raise SettingsError(
            f"{path.name}: is a folder. Docker makes one if it mounts a file that is missing. "
            "Remove the folder, and run `python manage.py initenv`."
        )
    if path.is_symlink() and not path.exists():
        raise SettingsError(f"{path.name}: is a link to a file that does not exist.")
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            for binding in parse_stream(file):
                if binding.error:
                    raise SettingsError(
                        f"{path.name}: line {_line(binding)} cannot be read. Check its quotes and its =."
                    )


def _line(binding: Binding) -> int:
    text = binding.original.string  # with the empty lines before it
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
