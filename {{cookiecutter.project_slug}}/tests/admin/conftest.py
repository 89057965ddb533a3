"""A site with the pages of a test."""

from collections.abc import Awaitable, Callable
from types import ModuleType

import pytest
from httpx import AsyncClient

from app.accounts.models import User
from app.admin.site import ModelAdmin
from app.core import registry
from tests.conftest import PASSWORD, ClientWith

ClientOf = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
def client_of(client_with: ClientWith, admin: User, monkeypatch: pytest.MonkeyPatch) -> ClientOf:
    """Return a client at a site with these pages, logged in as a superuser, or as another user with `PASSWORD`."""

    async def client_of(*views: type, user: User = admin) -> AsyncClient:
        module = ModuleType(views[0].__module__)
        vars(module).update({view.__name__: view for view in views}, Base=ModelAdmin, unrelated=1)
        modules = registry.modules
        monkeypatch.setattr(registry, "modules", lambda name: iter([module]) if name == "admin" else modules(name))
        client = await client_with()
        answer = await client.post("/admin/login", data={"username": user.username, "password": PASSWORD})
        assert answer.status_code == 303
        return client

    return client_of
