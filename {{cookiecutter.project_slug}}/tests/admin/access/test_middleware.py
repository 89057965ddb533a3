"""Requests that a page of another site can make a browser send, and answers that no cache may keep."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, Session, User
from app.core.web import ErrorFormat
from tests.conftest import PASSWORD, ClientWith, Enter
from tests.core.ops.test_metrics import read
from tests.core.web.test_errors import Problem, problem
from tests.core.web.test_middleware import assert_secured, chunks

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FROM_ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "null"},
    {"Origin": "http://["},
]
FROM_HERE = [
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {},
]


async def groups(db: AsyncSession) -> int:
    return await db.scalar(select(func.count()).select_from(Group)) or 0


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
async def test_another_origin_changes_nothing(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter, headers: dict[str, str]
) -> None:
    await enter(admin)
    db.add(group := Group(name="editors", permissions=[]))
    await db.commit()
    session_id = await db.scalar(select(Session.id))

    answers = [
        await client.post("/admin/group/create", headers=headers, data={"name": "intruders", "save": "Save"}),
        await client.post(f"/admin/group/edit/{group.id}", headers=headers, data={"name": "intruders"}),
        await client.delete(f"/admin/group/delete?pks={group.id}", headers=headers),
        await client.post(f"/admin/session/action/end?pks={session_id}", headers=headers),
        await client.post("/admin/logout", headers=headers),
        await client.post("/admin/login", headers=headers, data={"username": "root", "password": PASSWORD}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    assert {answer.json()["detail"] for answer in answers} == {"This request came from another site."}
    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]
    assert list(await db.scalars(select(Group.name))) == ["editors"]
    assert (await client.get("/admin/")).status_code == 200


@pytest.mark.parametrize("headers", FROM_HERE, ids=str)
async def test_a_page_of_ours_may(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter, headers: dict[str, str]
) -> None:
    await enter(admin)

    answer = await client.post("/admin/group/create", headers=headers, data={"name": "editors", "save": "Save"})

    assert answer.status_code == 302
    assert await groups(db) == 1


async def test_a_link_changes_nothing(client: AsyncClient, db: AsyncSession, admin: User, enter: Enter) -> None:
    """Any page can have a link, and a browser follows it with the cookie."""
    await enter(admin)
    session_id = await db.scalar(select(Session.id))
    paths = {
        f"session/action/end?pks={session_id}": 405,
        f"user/delete?pks={admin.id}": 405,
        "logout": 405,
        "group/import": 404,
        "group/create?name=intruders&save=Save": 200,
    }

    answers = {path: (await client.get(f"/admin/{path}")).status_code for path in paths}

    assert answers == paths
    assert await groups(db) == 0
    assert (await client.get("/admin/")).status_code == 200


async def test_to_ask_for_the_head_of_a_page_changes_nothing(
    client: AsyncClient, db: AsyncSession, admin: User, enter: Enter
) -> None:
    await enter(admin)
    db.add(group := Group(name="editors", permissions=[]))
    admin.full_name = "Root"
    await db.commit()

    for path in (f"user/edit/{admin.id}", f"group/edit/{group.id}", "group/create", "user/list"):
        assert (await client.head(f"/admin/{path}")).status_code == 200, path
    assert [(await client.head("/admin/login")).status_code for _ in range(6)] == [200] * 6  # not counted as logins

    await db.refresh(admin)
    assert (admin.full_name, admin.is_superuser, await groups(db)) == ("Root", True, 1)


async def test_pages_are_kept_by_no_cache_and_files_by_any(client: AsyncClient, admin: User, enter: Enter) -> None:
    login = await client.get("/admin/login")
    await enter(admin)
    pages = [
        login,
        await client.get("/admin/"),
        await client.get("/admin/user/list"),
        await client.get("/admin/x/list"),
    ]

    assert [answer.headers.get_list("Cache-Control") for answer in pages] == [["no-store"]] * 4
    for path in ("css/tabler.min.css", "admin.js", "posts.js"):
        assert "Cache-Control" not in (await client.get(f"/admin/statics/{path}")).raise_for_status().headers


@pytest.mark.parametrize("path", ["user/list?search=%00", "user/list?page=%00", "user/details/%00", "%00/list"])
async def test_text_that_no_database_can_hold_is_refused(
    client: AsyncClient, admin: User, enter: Enter, path: str
) -> None:
    await enter(admin)

    assert (await client.get(f"/admin/{path}")).status_code == 422


@pytest.mark.parametrize("options", [{"content": b"x" * (2**20 + 1)}, {"content": chunks(), "headers": FORM}])
async def test_a_body_that_is_too_long_is_refused_as_everywhere(client: AsyncClient, options: dict[str, Any]) -> None:
    answer = await client.post("/admin/login", **options)

    assert answer.status_code == 413
    assert_secured(answer)


async def test_a_refusal_has_the_form_of_errors_that_the_application_has(client_with: ClientWith) -> None:
    client = await client_with(environment="local")
    client.app.state.error_format = ErrorFormat(Problem, problem, "application/problem+json")

    answer = await client.post("/admin/login", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {"status": 403, "title": "This request came from another site.", "errors": []}


async def test_all_its_requests_count_as_one_route(client_with: ClientWith) -> None:
    client = await client_with(environment="local")
    name = 'http_requests_total{method="GET",route="/admin",status="200"}'
    before = (await read(client)).get(name, 0)

    await client.get("/admin/login")

    assert (await read(client))[name] == before + 1
