import re

import pytest
from fastapi import APIRouter
from httpx import AsyncClient
from pydantic import SecretStr

from app.accounts.models import User
from app.core.web import public
from tests.conftest import PASSWORD, ClientWith, Login, Serve, bearer

TOKEN = "a-token-of-prometheus"


@pytest.fixture
async def monitored(client_with: ClientWith) -> AsyncClient:
    return await client_with(environment="local")


async def read(client: AsyncClient) -> dict[str, float]:
    """Return each sample by its name and labels."""
    text = (await client.get("/metrics")).raise_for_status().text
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


async def test_requests_are_counted_by_the_template_of_their_route(client_with: ClientWith, serve: Serve) -> None:
    things, router = APIRouter(prefix="/things"), APIRouter(prefix="/v1")

    @things.get("/{number}")
    @public
    async def thing(number: int) -> None: ...

    router.include_router(things)
    serve(router)
    client = await client_with(environment="local")
    before = await read(client)
    for path in ("/v1/things/1", "/v1/things/2", "/nowhere", "/elsewhere"):
        await client.get(path)
    await client.request("INVENTED", "/nowhere")
    after = await read(client)

    def grown(method: str, route: str, status: int) -> float:
        name = f'http_requests_total{{method="{method}",route="{route}",status="{status}"}}'
        return after[name] - before.get(name, 0)

    assert grown("GET", "/v1/things/{number}", 200) == 2
    assert grown("GET", "", 404) == 2
    assert grown("other", "", 404) == 1
    assert after['http_request_duration_seconds_count{method="GET",route="/v1/things/{number}"}'] >= 2


async def test_logins_are_counted_by_their_outcome(monitored: AsyncClient, user: User) -> None:
    before = await read(monitored)
    for password in (PASSWORD, "wrong", "wrong"):
        await monitored.post("/token", data={"username": user.username, "password": password})
    after = await read(monitored)

    def grown(outcome: str) -> float:
        name = f'logins_total{{outcome="{outcome}"}}'
        return after[name] - before.get(name, 0)

    assert (grown("succeeded"), grown("failed")) == (1, 2)


async def test_nothing_is_in_use_where_nothing_runs(monitored: AsyncClient, user: User, login: Login) -> None:
    await login(user)
    samples = await read(monitored)

    assert samples["password_hashing_jobs"] == 0
    assert samples["database_connections_in_use"] <= 1  # the test's own session


@pytest.mark.parametrize("environment", ["test", "production", "local"])
async def test_with_a_token_only_those_who_have_it_read_the_metrics(client_with: ClientWith, environment: str) -> None:
    client = await client_with(environment=environment, metrics_token=SecretStr(TOKEN), allowed_hosts=("localhost",))

    for sent in ("", "Bearer", "Bearer wrong", "Bearer é", f"Basic {TOKEN}"):
        answer = await client.get("/metrics", headers={b"Authorization": sent.encode()})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "http_requests_total" in (await client.get("/metrics", headers=bearer(TOKEN))).text


async def test_outside_local_nobody_reads_the_metrics_without_a_token(client: AsyncClient) -> None:
    for headers in ({}, bearer(""), bearer("None")):
        assert (await client.get("/metrics", headers=headers)).status_code == 401


async def test_metrics_can_be_switched_off(client_with: ClientWith) -> None:
    client = await client_with(environment="local", metrics_enabled=False)

    assert (await client.get("/metrics")).status_code == 404
    assert "metrics" not in (await client.get("/")).json()["links"]
