"""Permissions of routes: 401 without a token, 403 without the permission, success with only that permission."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.permissions.required import PermissionRequired
from app.core.db import declared_permissions
from tests.conftest import PASSWORD_HASH, Allow, Login, save

# Bodies for routes that change something. Routes of other apps get {}, which may be invalid, but not forbidden.
BODIES: dict[str, dict[str, Any]] = {
    "POST /groups": {"name": "editors"},
    "PATCH /groups/{group_id}": {"name": "writers"},
    "PATCH /users/{user_id}": {"full_name": "Robert"},
}


def guarded(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Return all routes that need a permission, as `GET /groups`, with this permission."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            for name in asked(route.dependant):
                yield from ((f"{method} {route.path}", name) for method in route.methods or ())


def asked(dependant: Dependant) -> Iterator[str]:
    if isinstance(dependant.call, PermissionRequired):
        yield dependant.call.permission
    for needed in dependant.dependencies:
        yield from asked(needed)


async def test_every_permission_route(
    client: AsyncClient, application: FastAPI, db: AsyncSession, allow: Allow, login: Login
) -> None:
    """One test for all routes, so it includes new routes."""
    routes = dict(guarded(application))
    assert BODIES.keys() <= routes.keys()
    for route, permission in routes.items():
        await assert_asks_for(client, db, allow, login, route, permission)


async def new_user(db: AsyncSession) -> User:
    name = f"user-{uuid4()}"
    return await save(db, User(username=name, email=f"{name}@example.com", hashed_password=PASSWORD_HASH))


async def assert_asks_for(
    client: AsyncClient, db: AsyncSession, allow: Allow, login: Login, route: str, permission: str
) -> None:
    caller = await new_user(db)
    target = await new_user(db)
    group = await allow(target)
    ids = {"user_id": target.id, "group_id": group.id}
    method, path = route.split()
    unknown = set(re.findall(r"{(\w+)}", path)) - ids.keys()  # objects of another app
    path = re.sub(r"{(\w+)}", lambda name: str(ids.get(name[1], uuid4())), path)
    headers = await login(caller)

    async def status(**options: Any) -> int:
        return (await client.request(method, path, json=BODIES.get(route, {}), **options)).status_code

    assert await status() == 401, route
    await allow(caller, *declared_permissions() - {permission})
    assert await status(headers=headers) == 403, route
    await allow(caller, permission)
    allowed = await status(headers=headers)
    not_forbidden = [200, 201, 204, *([] if route in BODIES else [422]), *([404] if unknown else [])]
    assert allowed in not_forbidden, route


def test_the_openapi_document_names_them(application: FastAPI) -> None:
    document = application.openapi()
    for route, permission in guarded(application):
        method, path = route.split()
        operation = document["paths"][path][method.lower()]
        assert operation["x-permissions"] == [permission]
        assert f"`{permission}`" in operation["description"]
