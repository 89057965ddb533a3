import pytest
from fastapi import APIRouter, HTTPException
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy import text

from app.core.database import Db
from app.hello import routes
from app.settings import parse_database_url
from tests.conftest import PASSWORD, ClientWith


class Body(BaseModel):
    password: int


@pytest.fixture
async def probe(client_with: ClientWith, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    """A client of an application that has more routes."""
    router = APIRouter()

    @router.post("/body")
    async def body(body: Body) -> None: ...

    @router.get("/query")
    async def query(db: Db, sql: str) -> None:
        await db.execute(text(sql))

    @router.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "<short> and stout", {"Retry-After": "5"})

    @router.get("/odd")
    async def odd() -> None:
        raise HTTPException(499, [{"odd": 1}])

    @router.get("/unchanged")
    async def unchanged() -> None:
        raise HTTPException(304)

    monkeypatch.setattr(routes, "router", router)
    return await client_with()


async def test_a_wrong_body_is_not_repeated(probe: AsyncClient) -> None:
    answer = await probe.post("/body", json={"password": "hush"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "password"]
    assert "hush" not in answer.text


async def test_a_faulty_query_is_a_bug(probe: AsyncClient) -> None:
    assert (await probe.get("/query", params={"sql": "SELECT nothing FROM nowhere"})).status_code == 500


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "X-Request-ID": "my-1"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "code", "says"),
    [
        ("GET", "/nowhere/<b>", {}, 404, "Not Found"),
        ("DELETE", "/query", {"Allow": "GET"}, 405, "Method Not Allowed"),
        ("PUT", "/users/me", {"Allow": "DELETE, GET, PATCH"}, 405, "Method Not Allowed"),
        ("GET", "/users/me", {"WWW-Authenticate": "Bearer"}, 401, "Not authenticated"),
        ("GET", "/query", {}, 422, "sql: Field required"),
        ("GET", "/query?sql=SELECT nothing FROM nowhere", {}, 500, "Internal Server Error"),
        ("GET", "/teapot", {"Retry-After": "5"}, 418, "&lt;short&gt; and stout"),
        ("GET", "/odd", {}, 499, "{&#39;odd&#39;: 1}"),
    ],
)
async def test_a_browser_gets_a_page_that_says_the_same(
    probe: AsyncClient, method: str, path: str, headers: dict[str, str], code: int, says: str
) -> None:
    answer = await probe.request(method, path, headers=BROWSER)

    assert answer.status_code == code
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    assert {name: answer.headers[name] for name in headers} == headers
    assert says in answer.text
    assert "Request <code>my-1</code>" in answer.text
    assert "<b>" not in answer.text


async def test_both_forms_of_an_error_have_the_same_head(probe: AsyncClient) -> None:
    """But for what tells of the form itself."""
    form = ("content-type", "content-length", "cache-control", "x-request-id")
    for path in ("/nowhere", "/users/me", "/teapot", "/query"):
        page, data = await probe.get(path, headers=BROWSER), await probe.get(path, headers={"Accept": "*/*"})
        heads = [{name: value for name, value in each.headers.items() if name not in form} for each in (page, data)]

        assert data.json()["detail"]
        assert (page.status_code, heads[0]) == (data.status_code, heads[1])


async def test_an_error_that_allows_no_body_has_none(probe: AsyncClient) -> None:
    answer = await probe.get("/unchanged", headers=BROWSER)

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_token_route_answers_programs_alone(probe: AsyncClient) -> None:
    answer = await probe.post("/token", headers=BROWSER)

    assert answer.json()["error"] == "invalid_request"


async def test_an_unreachable_database_is_503(client_with: ClientWith) -> None:
    client = await client_with(database_url=parse_database_url("postgresql://localhost:1/none"))

    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json() == {"detail": "The database cannot be reached at the moment."}
