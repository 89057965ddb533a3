from collections.abc import Callable, Iterator

import pytest

from app.settings import Settings, get_settings

SetVariable = Callable[[str, str], None]


@pytest.fixture
def set_variable(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[SetVariable]:
    """Change one setting for the commands that follow."""

    def set_variable(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield set_variable
    monkeypatch.undo()
    get_settings.cache_clear()
