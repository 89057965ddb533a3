"""Requests that a page of another site can make a browser send, and answers that no cache may keep."""

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Group, Session, User
from tests.conftest import PASSWORD, Enter

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
    for path in ("css/tabler.min.css", "admin.js"):
        assert "Cache-Control" not in (await client.get(f"/admin/statics/{path}")).raise_for_status().headers


@pytest.mark.parametrize("path", ["user/list?search=%00", "user/list?page=%00", "user/details/%00", "%00/list"])
async def test_text_that_no_database_can_hold_is_refused(
    client: AsyncClient, admin: User, enter: Enter, path: str
) -> None:
    await enter(admin)

    assert (await client.get(f"/admin/{path}")).status_code == 422
