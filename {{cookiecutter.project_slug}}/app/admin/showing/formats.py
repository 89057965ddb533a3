"""Formats of values on the pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from markupsafe import Markup

LINE = 60  # characters
ABBREVIATIONS = {"id": "ID", "ip": "IP", "url": "URL", "email": "e-mail"}


def moment(time: datetime) -> str:
    """A time without a zone stays as it is."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time.tzinfo else f"{time:%Y-%m-%d %H:%M:%S}"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def label(name: str) -> str:
    """`ip_address` gives "IP address"."""
    words = " ".join(ABBREVIATIONS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def told(changes: Mapping[str, Any]) -> list[str]:
    """Return the changes of an audit entry, for example `disabled: no → yes` and `groups: + editors`."""
    return [f"{name}: {_told(change)}" for name, change in changes.items()]


def in_a_line(changes: Mapping[str, Any]) -> str:
    return shorten("; ".join(told(changes)), LINE, placeholder=" …")


def in_lines(changes: Mapping[str, Any]) -> Markup:
    return Markup("<br>").join(told(changes))


def _told(change: Any) -> str:
    match change:
        case [old, new]:
            return f"{_value(old)} → {_value(new)}"
        case [new]:
            return _value(new)
        case {"added": added, "removed": removed}:
            return ", ".join([*(f"+ {name}" for name in added), *(f"− {name}" for name in removed)])
    return str(change)


def _value(value: Any) -> str:
    match value:
        case None | "":
            return "nothing"
        case bool():
            return yes_no(value)
    return str(value)
