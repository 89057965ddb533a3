from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core import registry
from app.core.db import Database
from app.core.db.migrations import histories
from tests.databases import new_database


@pytest.fixture
async def empty() -> AsyncIterator[Database]:
    async with new_database() as url:
        database = Database(url)
        yield database
        await database.dispose()


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty history for these tests, without tables of apps. So the tests write no migrations into the project."""
    monkeypatch.setattr(registry, "hooks", lambda _: ())
    for name in ("env.py", "script.py.mako"):
        (tmp_path / name).write_bytes((histories.MIGRATIONS / name).read_bytes())
    monkeypatch.setattr(histories, "MIGRATIONS", tmp_path)
    monkeypatch.setattr(histories, "APP", tmp_path / "app")
    (tmp_path / "versions").mkdir()
    return tmp_path / "versions"
