import sys
from typing import Any

import pytest

from app.core.db import is_text


@pytest.mark.parametrize("text", ["", "a", "é☕", "\n\t", "\U0001f600", "x" * 2**20])
def test_text_is_what_both_databases_can_store(text: str) -> None:
    assert is_text(text)


@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800", "a\udfff", b"a", 1, None])
def test_anything_else_is_not(value: object) -> None:
    assert not is_text(value)


def test_a_megabyte_of_text_is_checked_in_a_few_steps() -> None:
    """A call for each character would stop all other requests for 90 ms."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event.endswith("call")

    text = "é" * 2**19
    sys.setprofile(count)
    try:
        is_text(text)
    finally:
        sys.setprofile(None)

    assert calls < 10
