from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import AsyncClient

import app
from app.core import registry
from tests.conftest import ClientWith

ROUTES = """
from fastapi import APIRouter

router = APIRouter()

@router.get("/dropped")
async def dropped() -> dict[str, str]:
    return {}
"""


@pytest.fixture
def _dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "dropped").mkdir()
    (tmp_path / "dropped" / "__init__.py").touch()
    (tmp_path / "dropped" / "routes.py").write_text(ROUTES)
    (tmp_path / "no_package").mkdir()
    monkeypatch.setattr(app, "__path__", [*app.__path__, str(tmp_path)])
    registry.installed_apps.cache_clear()
    yield
    registry.installed_apps.cache_clear()


@pytest.mark.usefixtures("_dropped")
async def test_a_folder_is_an_app_with_no_list_to_edit(client_with: ClientWith) -> None:
    assert {"accounts", "dropped"} <= set(registry.installed_apps())
    assert "no_package" not in registry.installed_apps()
    assert list(registry.installed_apps()) == sorted(registry.installed_apps())
    client: AsyncClient = await client_with()

    assert (await client.get("/dropped")).status_code == 200


@pytest.mark.usefixtures("_dropped")
def test_an_app_need_not_have_every_module() -> None:
    names = {module.__name__ for module in registry.modules("models")}

    assert "app.accounts.models" in names
    assert "app.dropped.models" not in names
