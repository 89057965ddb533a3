from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from app.admin.showing import formats


def test_a_time_is_written_in_utc() -> None:
    assert formats.moment(datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2026-02-28 23:30:00 UTC"
    assert formats.moment(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("name", "label"), [("ip_address", "IP address"), ("id", "ID"), ("email_verified", "E-mail verified"), ("at", "At")]
)
def test_a_column_has_a_label(name: str, label: str) -> None:
    assert formats.label(name) == label


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ([False, True], "no → yes"),
        (["", "Alice"], "nothing → Alice"),
        ([3, None], "3 → nothing"),
        (["new"], "new"),
        ("changed", "changed"),
        ({"added": ["a", "b"], "removed": ["c"]}, "+ a, + b, − c"),
    ],
)
def test_a_change_is_told(change: Any, told: str) -> None:
    assert formats.told({"x": change}) == [f"x: {told}"]


def test_changes_are_told_in_a_line_or_in_many_and_never_as_html() -> None:
    changes = {"a": ["<b>"], "c": ["d" * 100]}

    assert formats.in_a_line(changes) == "a: <b>; c: …"
    assert formats.in_lines(changes) == f"a: &lt;b&gt;<br>c: {'d' * 100}"
