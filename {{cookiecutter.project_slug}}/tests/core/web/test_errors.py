from typing import Any

import pytest
from fastapi import APIRouter, HTTPException, WebSocket
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Db
from app.core.settings import parse_database_url
from app.core.web import errors
from app.core.web.openapi import ErrorFormat
from tests import websockets
from tests.conftest import PASSWORD, Client, ClientWith, Serve


class Body(BaseModel):
    password: int


@pytest.fixture
async def probe(client_with: ClientWith, serve: Serve) -> Client:
    """A client of an application with more routes."""
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

    @router.websocket("/socket/{code}")
    async def socket(websocket: WebSocket, code: int) -> None:
        raise HTTPException(code)

    @router.get("/unchanged")
    async def unchanged() -> None:
        raise HTTPException(304)

    serve(router)
    return await client_with()


async def test_a_wrong_body_is_not_repeated(probe: Client) -> None:
    answer = await probe.post("/body", json={"password": "hush"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "password"]
    assert "hush" not in answer.text


async def test_a_faulty_query_is_a_bug(probe: Client) -> None:
    assert (await probe.get("/query", params={"sql": "nonsense"})).status_code == 500


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT absent FROM accounts_group", "absent"),
        ("INSERT INTO accounts_group (absent) VALUES (1)", "absent"),
        ("UPDATE accounts_group SET absent = 1", "absent"),
    ],
)
async def test_a_database_that_is_not_migrated_is_503_and_the_log_says_what_to_do(
    probe: Client, caplog: pytest.LogCaptureFixture, sql: str, missing: str
) -> None:
    answer = await probe.get("/query", params={"sql": sql})

    assert (answer.status_code, answer.json()) == (503, {"detail": "The database is not ready at the moment."})
    assert int(answer.headers["Retry-After"]) > 0
    (error,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "Run `python manage.py migrate`" in error
    assert missing in error
    assert "\n" not in error


@pytest.mark.parametrize(("status", "code"), [(401, 1008), (404, 1008), (304, 1008), (503, 1013)])
async def test_a_websocket_is_closed_instead(probe: Client, status: int, code: int) -> None:
    assert await websockets.call(probe.app, f"/socket/{status}") == [{"type": "websocket.close", "code": code}]


class Fault(BaseModel):
    msg: str


class Problem(BaseModel):
    """RFC 9457."""

    status: int
    title: str
    errors: list[Fault]


def problem(code: int, detail: Any) -> dict[str, Any]:
    faults = detail if isinstance(detail, list) else []
    errors = [{"msg": fault["msg"]} for fault in faults]
    return {"status": code, "title": "Invalid" if faults else detail, "errors": errors}


@pytest.fixture
async def other(probe: Client) -> Client:
    """A client of an application with its own error format."""
    probe.app.state.error_format = ErrorFormat(Problem, problem, "application/problem+json")
    return probe


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "title"),
    [
        ("GET", "/nowhere", {}, 404, "Not Found"),
        ("DELETE", "/teapot", {}, 405, "Method Not Allowed"),
        ("GET", "/users/me", {}, 401, "Not authenticated"),
        ("POST", "/body", {}, 422, "Invalid"),
        ("POST", "/body", {"Content-Length": "2000000"}, 413, "Content Too Large"),
        ("GET", "/query?sql=nonsense", {}, 500, "Internal server error"),
        ("GET", "/teapot", {"Host": "another.example"}, 400, "This host is not served here."),
        ("POST", "/password-reset/confirm", {}, 422, "Invalid"),
    ],
)
async def test_an_application_may_have_errors_of_its_own_form(
    other: AsyncClient, method: str, path: str, headers: dict[str, str], status: int, title: str
) -> None:
    answer = await other.request(method, path, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["title"]) == (status, title)


async def test_token_routes_keep_the_form_of_rfc_6749(other: AsyncClient) -> None:
    assert (await other.post("/token", data={"username": "alice"})).json()["error"] == "invalid_request"


async def test_the_document_tells_of_the_own_form(other: AsyncClient) -> None:
    document = (await other.get("/openapi.json")).json()
    responses = document["paths"]["/password-reset/confirm"]["post"]["responses"]

    for code in ("400", "422"):
        assert responses[code]["content"]["application/problem+json"]["schema"] == {
            "$ref": "#/components/schemas/Problem"
        }
    assert "application/json" not in responses["422"]["content"]
    assert {"Problem", "Fault"} <= set(document["components"]["schemas"])


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "X-Request-ID": "my-1"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "code", "says"),
    [
        ("GET", "/nowhere/<b>", {}, 404, "Not Found"),
        ("DELETE", "/query", {"Allow": "GET"}, 405, "Method Not Allowed"),
        ("PUT", "/users/me", {"Allow": "DELETE, GET, PATCH"}, 405, "Method Not Allowed"),
        ("GET", "/users/me", {"WWW-Authenticate": "Bearer"}, 401, "Not authenticated"),
        ("GET", "/query", {}, 422, "sql: Field required"),
        ("GET", "/query?sql=nonsense", {}, 500, "Internal Server Error"),
        ("GET", "/teapot", {"Retry-After": "5"}, 418, "&lt;short&gt; and stout"),
        ("GET", "/odd", {}, 499, "{&#39;odd&#39;: 1}"),
    ],
)
async def test_a_browser_gets_a_page_that_says_the_same(
    probe: Client, method: str, path: str, headers: dict[str, str], code: int, says: str
) -> None:
    answer = await probe.request(method, path, headers=BROWSER)

    assert answer.status_code == code
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    assert {name: answer.headers[name] for name in headers} == headers
    assert says in answer.text
    assert "Request <code>my-1</code>" in answer.text
    assert "<b>" not in answer.text


async def test_both_forms_of_an_error_have_the_same_head(probe: Client) -> None:
    """Only errors about the form itself differ."""
    form = ("content-type", "content-length", "cache-control", "x-request-id")
    for path in ("/nowhere", "/users/me", "/teapot", "/query"):
        page, data = await probe.get(path, headers=BROWSER), await probe.get(path, headers={"Accept": "*/*"})
        heads = [{name: value for name, value in each.headers.items() if name not in form} for each in (page, data)]

        assert data.json()["detail"]
        assert (page.status_code, heads[0]) == (data.status_code, heads[1])


async def test_an_error_that_allows_no_body_has_none(probe: Client) -> None:
    answer = await probe.get("/unchanged", headers=BROWSER)

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_token_route_answers_programs_alone(probe: Client) -> None:
    answer = await probe.post("/token", headers=BROWSER)

    assert answer.json()["error"] == "invalid_request"


async def test_an_unreachable_database_is_503(client_with: ClientWith) -> None:
    client = await client_with(database_url=parse_database_url("postgresql://localhost:1/none"))

    answer = await client.post("/token", data={"username": "alice", "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json() == {"detail": "The database cannot be reached at the moment."}


ID = "00000000000000000000000000000001"
TWICE = f"INSERT INTO accounts_group (id, name) VALUES ('{ID}', 'a'), ('{ID[::-1]}', 'a')"  # noqa: S608 (it is ours)
MEMBER = f"INSERT INTO accounts_user_groups (user_id, group_id) VALUES ('{ID}', '{ID}')"  # noqa: S608


async def test_a_value_that_is_taken_is_named(probe: Client) -> None:
    answer = await probe.get("/query", params={"sql": TWICE})

    assert (answer.status_code, answer.json()) == (409, {"detail": "There is already one with this name."})


async def test_a_row_that_has_just_gone_is_a_conflict(probe: Client) -> None:
    answer = await probe.get("/query", params={"sql": MEMBER})

    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Another request has changed this.")


async def test_a_row_that_others_need_stays(probe: Client, db: AsyncSession) -> None:
    for statement in (
        "CREATE TABLE probe_author (id INTEGER PRIMARY KEY)",
        "CREATE TABLE probe_book (author_id INTEGER REFERENCES probe_author (id))",
        "INSERT INTO probe_author VALUES (1)",
        "INSERT INTO probe_book VALUES (1)",
    ):
        await db.execute(text(statement))
    await db.commit()

    answer = await probe.get("/query", params={"sql": "DELETE FROM probe_author"})

    for table in ("probe_book", "probe_author"):
        await db.execute(text(f"DROP TABLE {table}"))
    await db.commit()
    detail = "This cannot be deleted, because something else refers to it."
    assert (answer.status_code, answer.json()) == (409, {"detail": detail})


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (["slug"], "slug"),
        (["slug", "owner_id"], "slug"),
        (["post_id", "user_id"], "post_id and user_id"),
        (["email_folded"], "email"),
    ],
)
def test_columns_are_named_as_clients_know_them(columns: list[str], named: str) -> None:
    assert errors.named(columns) == named
