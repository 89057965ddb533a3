"""Authentication backends: their order, their refusals, and the same over a WebSocket."""

from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.requests import HTTPConnection
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import (
    AccessToken,
    AuthenticatedUser,
    AuthenticationBackend,
    CurrentUser,
    InvalidToken,
    JWTAuthentication,
    OptionalUser,
    User,
    find_caller,
    requires,
)
from app.core import registry
from app.core.db import Db
from tests import websockets
from tests.conftest import Allow, Client, ClientWith, Login, Serve
from tests.websockets import REFUSED

Permitted = Annotated[AuthenticatedUser, requires("accounts.view_group")]
INVALID = 'Bearer error="invalid_token"'


hooks = registry.hooks


class KeyAuthentication(AuthenticationBackend):
    """The API key is the id of a user."""

    async def authenticate(self, connection: HTTPConnection) -> AuthenticatedUser | None:
        key = connection.headers.get("X-API-Key")
        if key is None:
            return None
        user = await find_caller(connection, UUID(key))
        if user is None:
            raise InvalidToken
        return user


def authentication(app: FastAPI) -> list[AuthenticationBackend]:
    return [JWTAuthentication("Token"), KeyAuthentication()]


@pytest.fixture
def router(serve: Serve) -> APIRouter:
    router = APIRouter()

    @router.get("/current")
    async def current(user: CurrentUser) -> str:
        return f"{user.username} {'in a session' if user.session_id else 'without one'}"

    @router.get("/optional")
    async def optional(user: OptionalUser) -> str:
        return user.username if user else "a stranger"

    @router.get("/token")
    async def read_token(token: AccessToken) -> str:
        return str(token.sub)

    @router.websocket("/ws/current")
    async def ws_current(websocket: WebSocket, user: CurrentUser, db: Db) -> None:
        await websocket.accept()
        await websocket.send_text(user.username)

    @router.websocket("/ws/optional")
    async def ws_optional(websocket: WebSocket, user: OptionalUser) -> None:
        await websocket.accept()
        await websocket.send_text(user.username if user else "a stranger")

    @router.websocket("/ws/token")
    async def ws_token(websocket: WebSocket, token: AccessToken) -> None:
        await websocket.accept()
        await websocket.send_text(str(token.sub))

    @router.websocket("/ws/permitted")
    async def ws_permitted(websocket: WebSocket, user: Permitted) -> None:
        await websocket.accept()
        await websocket.send_text(user.username)

    serve(router)
    return router


@pytest.fixture
async def client(client_with: ClientWith, router: APIRouter, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    monkeypatch.setattr(registry, "hooks", lambda name: [authentication] if name == "authentication" else hooks(name))
    return await client_with()


@pytest.fixture
def served(client: Client) -> FastAPI:
    return client.app


def as_token(headers: dict[str, str]) -> dict[str, str]:
    return {"Authorization": headers["Authorization"].replace("Bearer", "Token")}


async def test_each_way_leads_to_the_user(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    for way in (headers, as_token(headers), {"Authorization": headers["Authorization"].replace("Bearer", "bEARER")}):
        assert (await client.get("/current", headers=way)).json() == "alice in a session"
    assert (await client.get("/current", headers={"X-API-Key": str(user.id)})).json() == "alice without one"


async def test_the_first_claim_decides(client: AsyncClient, user: User, admin: User, login: Login) -> None:
    both = await login(user) | {"X-API-Key": str(admin.id)}
    assert (await client.get("/optional", headers=both)).json() == "alice"

    for path in ("/current", "/optional"):
        answer = await client.get(path, headers={"Authorization": "Bearer x", "X-API-Key": str(admin.id)})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID), path


async def test_a_claim_that_fails_is_no_stranger(client: AsyncClient, db: AsyncSession, user: User) -> None:
    user.disabled = True
    await db.commit()

    for headers in ({"Authorization": "Token x"}, {"X-API-Key": str(user.id)}):
        answer = await client.get("/optional", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)


async def test_without_a_claim_there_is_no_user(client: AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = await client.get("/current", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await client.get("/optional", headers=headers)).json() == "a stranger"


async def test_an_access_token_is_a_jwt_behind_bearer_only(client: AsyncClient, user: User, login: Login) -> None:
    headers = await login(user)

    assert (await client.get("/token", headers=headers)).json() == str(user.id)
    assert (await client.get("/token", headers=as_token(headers))).status_code == 401
    assert (await client.get("/token", headers={"X-API-Key": str(user.id)})).status_code == 401


async def test_the_document_names_each_way(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["components"]["securitySchemes"]["Token"]["name"] == "Authorization"
    assert document["paths"]["/current"]["get"]["security"][-1] == {"Token": []}
    assert {"Token": []} not in document["paths"]["/token"]["get"]["security"]


@pytest.mark.parametrize("path", ["/ws/current", "/ws/token", "/ws/optional", "/ws/permitted"])
async def test_a_websocket_is_refused_before_it_is_accepted(served: FastAPI, path: str) -> None:
    assert await websockets.call(served, path, {"Authorization": "Bearer x"}) == [REFUSED]


@pytest.mark.parametrize("path", ["/ws/current", "/ws/token", "/ws/permitted"])
async def test_a_websocket_is_not_for_strangers(served: FastAPI, path: str) -> None:
    assert await websockets.call(served, path) == [REFUSED]


async def test_a_websocket_knows_its_user(served: FastAPI, user: User, login: Login, allow: Allow) -> None:
    headers = await login(user)

    assert said(await websockets.call(served, "/ws/current", headers)) == "alice"
    assert said(await websockets.call(served, "/ws/current", {"X-API-Key": str(user.id)})) == "alice"
    assert said(await websockets.call(served, "/ws/optional", headers)) == "alice"
    assert said(await websockets.call(served, "/ws/optional")) == "a stranger"
    assert said(await websockets.call(served, "/ws/token", headers)) == str(user.id)
    assert await websockets.call(served, "/ws/permitted", headers) == [REFUSED]
    await allow(user, "accounts.view_group")
    assert said(await websockets.call(served, "/ws/permitted", headers)) == "alice"


async def test_a_websocket_for_another_host_is_refused(served: FastAPI, user: User, login: Login) -> None:
    headers = await login(user) | {"Host": "another.example"}

    assert await websockets.call(served, "/ws/current", headers) == [REFUSED]


def said(messages: list[dict[str, Any]]) -> str:
    accepted, text = messages[:2]
    assert accepted["type"] == "websocket.accept"
    return str(text["text"])
