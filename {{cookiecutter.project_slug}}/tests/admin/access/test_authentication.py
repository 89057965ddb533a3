"""Who can log in to the admin site, and for how long."""

from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from itsdangerous import Signer
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.authentication import current_user
from app.accounts.authentication.sessions import RefreshToken
from app.accounts.models import Session, User
from app.admin.access.authentication import COOKIE, REFUSAL
from app.core.cli.commands.server import listed
from app.core.settings import PROJECT
from tests.conftest import PASSWORD, PASSWORD_HASH, Allow, ClientWith, Enter, Login, save

INDEX = "/admin/"
LOGIN = "/admin/login"


@pytest.fixture
async def staff(db: AsyncSession) -> User:
    return await save(
        db, User(username="clerk", email="clerk@example.com", hashed_password=PASSWORD_HASH, is_staff=True)
    )


async def is_in(client: AsyncClient) -> bool:
    answer = await client.get(INDEX)
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


async def test_who_is_not_logged_in_is_asked_to_and_comes_back(client: AsyncClient, staff: User, enter: Enter) -> None:
    answer = await client.get("/admin/user/list?search=a&page=2")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"{LOGIN}?next=%2Fadmin%2Fuser%2Flist%3Fsearch%3Da%26page%3D2")
    form = await client.get(answer.headers["Location"])
    assert 'value="/admin/user/list?search=a&amp;page=2"' in form.text

    answer = await enter(staff, next="/admin/user/list?search=a&page=2")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/user/list?search=a&page=2")
    assert await is_in(client)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/admin/",
        "//evil.example",
        "/\\evil.example",
        "/users/me",
        "javascript:1",
        "",
        "/admin/../../x",
        "/admin/%2e%2E/x",
        "/admin/..?a",
        "/admin/x/..#a",
    ],
)
async def test_nobody_is_sent_elsewhere(staff: User, enter: Enter, elsewhere: str) -> None:
    assert (await enter(staff, next=elsewhere)).headers["Location"] == INDEX


async def test_a_list_shows_no_text_of_its_address(client: AsyncClient, staff: User, enter: Enter) -> None:
    await enter(staff)
    answer = await client.get("/admin/user/list?error=Call+0900&search=a")

    assert (answer.status_code, answer.headers["Location"].partition("?")[2]) == (307, "search=a")


async def test_a_page_whose_search_has_dots_is_a_page_of_the_site(staff: User, enter: Enter) -> None:
    page = "/admin/user/list?search=../.."

    assert (await enter(staff, next=page)).headers["Location"] == page


def test_the_cookie_is_not_that_of_another_project() -> None:
    assert f"{PROJECT['name']}_admin_session" == COOKIE


async def test_staff_may_log_in_by_address(client: AsyncClient, staff: User) -> None:
    await client.post(LOGIN, data={"username": "CLERK@example.com", "password": PASSWORD})

    assert await is_in(client)


async def test_the_cookie_is_for_the_server_alone(client_with: ClientWith, staff: User) -> None:
    for environment, secure in (("test", False), ("production", True)):
        client = await client_with(environment=environment)
        answer = await client.post(LOGIN, data={"username": "clerk", "password": PASSWORD})
        cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "Path=/admin", "SameSite=lax"} <= set(attributes)
        assert ("Secure" in attributes) == secure


async def test_everybody_else_is_refused_in_the_same_words(user: User, staff: User, enter: Enter) -> None:
    """One of them is the right password of a user who is not staff."""
    for name, password in (("alice", PASSWORD), ("clerk", "wrong"), ("nobody", "wrong"), ("", "")):
        answer = await enter(User(username=name), password)
        assert (answer.status_code, REFUSAL in answer.text) == (400, True)
        assert "Set-Cookie" not in answer.headers
        assert password not in answer.text or not password


async def test_what_is_no_text_is_no_name(client: AsyncClient) -> None:
    a_file = await client.post(LOGIN, files={"username": b"clerk", "password": b"x"})
    nul = await client.post(LOGIN, data={"username": "clerk\0", "password": "x"})

    assert (a_file.status_code, nul.status_code) == (422, 422)


async def test_logins_are_throttled_as_those_of_the_api_are(client: AsyncClient, staff: User, enter: Enter) -> None:
    for _ in range(3):
        await enter(staff, "wrong")
    for _ in range(2):
        await client.post("/token", data={"username": "clerk", "password": "wrong"})

    answer = await enter(staff)

    assert (answer.status_code, "Too many requests" in answer.text) == (429, True)
    assert int(answer.headers["Retry-After"]) > 0
    assert (await client.post("/token", data={"username": "clerk", "password": PASSWORD})).status_code == 429


async def test_a_right_password_without_the_right_counts_as_a_wrong_one(user: User, enter: Enter) -> None:
    """Otherwise a right password would stand out: it would never be throttled."""
    assert [(await enter(user)).status_code for _ in range(6)] == [400] * 5 + [429]


async def test_a_login_forgives_what_failed_before(staff: User, enter: Enter) -> None:
    for _ in range(2):
        assert [(await enter(staff, "wrong")).status_code for _ in range(4)] == [400] * 4
        assert (await enter(staff)).status_code == 303


async def test_the_order_of_the_columns_does_not_matter(
    client: AsyncClient, staff: User, enter: Enter, allow: Allow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await allow(staff, "accounts.view_group")
    await enter(staff)
    query = current_user.staff_user_query
    columns = list(query.selected_columns)[::-1]
    monkeypatch.setattr(current_user, "staff_user_query", query.with_only_columns(*columns, maintain_column_froms=True))

    assert (await client.get("/admin/group/list")).status_code == 200
    assert (await client.get("/admin/user/list")).status_code == 403


async def test_logging_out_ends_the_session(client: AsyncClient, db: AsyncSession, staff: User, enter: Enter) -> None:
    await enter(staff)
    cookie = client.cookies[COOKIE]

    answer = await client.post("/admin/logout")

    assert (answer.status_code, answer.headers["Location"].endswith(LOGIN)) == (303, True)
    assert COOKIE not in client.cookies
    client.cookies.set(COOKIE, cookie)
    assert not await is_in(client)
    assert (await client.post("/admin/logout")).status_code == 303


async def test_to_log_in_again_ends_the_session_before(client: AsyncClient, staff: User, enter: Enter) -> None:
    await enter(staff)
    before = client.cookies[COOKIE]
    await enter(staff, "wrong")
    assert await is_in_with(client, before)

    await enter(staff)

    assert await is_in(client)
    client.cookies.clear()
    assert not await is_in_with(client, before)


async def test_a_link_logs_nobody_out(client: AsyncClient, staff: User, enter: Enter) -> None:
    await enter(staff)

    assert (await client.get("/admin/logout")).status_code == 405
    assert await is_in(client)


@pytest.mark.parametrize("change", [{"is_staff": False}, {"disabled": True}])
async def test_who_may_no_longer_is_out_at_the_next_click(
    client: AsyncClient, db: AsyncSession, staff: User, admin: User, enter: Enter, login: Login, change: dict[str, bool]
) -> None:
    await enter(staff)
    assert await is_in(client)
    headers = await login(admin)
    assert (await client.patch(f"/users/{staff.id}", headers=headers, json=change)).status_code == 200

    assert not await is_in(client)

    back = {name: not value for name, value in change.items()}
    assert (await client.patch(f"/users/{staff.id}", headers=headers, json=back)).status_code == 200
    assert not await is_in(client)  # the session has ended for good


async def test_who_lost_the_right_by_other_means_is_out_as_well(
    client: AsyncClient, db: AsyncSession, staff: User, enter: Enter
) -> None:
    await enter(staff)
    await db.execute(update(User).where(User.id == staff.id).values(is_staff=False))
    await db.commit()

    assert not await is_in(client)


async def test_a_new_password_ends_the_session(client: AsyncClient, staff: User, enter: Enter, login: Login) -> None:
    await enter(staff)
    change = {"current_password": PASSWORD, "new_password": "an entirely new one"}
    await client.post("/users/me/password", headers=await login(staff), json=change)

    assert not await is_in(client)


async def test_the_session_is_listed_and_ended_like_any_other(
    client: AsyncClient, staff: User, enter: Enter, login: Login
) -> None:
    await enter(staff)
    headers = await login(staff)
    listed = (await client.get("/users/me/sessions", headers=headers)).json()
    (browser,) = [session for session in listed if not session["current"]]

    assert (await client.delete(f"/users/me/sessions/{browser['id']}", headers=headers)).status_code == 204

    assert not await is_in(client)


async def test_an_unused_session_is_over_in_the_morning(
    client: AsyncClient, db: AsyncSession, staff: User, enter: Enter
) -> None:
    await enter(staff)
    now = datetime.now(UTC)
    assert (await db.scalars(select(Session.expires_at))).one() - now < timedelta(hours=12)
    clock = "app.accounts.authentication.context.datetime"
    for hours in (11, 22):
        with patch(clock, now=lambda _, hours=hours: now + timedelta(hours=hours)):
            assert await is_in(client)
            assert await is_in(client)
    with patch(clock, now=lambda _: now + timedelta(hours=35)):
        assert not await is_in(client)


async def test_the_id_alone_lets_nobody_in(client: AsyncClient, db: AsyncSession, staff: User, enter: Enter) -> None:
    """Not even somebody who can read the table. Signatures for another purpose or with another key do not work."""
    await enter(staff)
    session_id = (await db.scalars(select(Session.id))).one()
    signature = client.cookies[COOKIE].partition(".")[2]
    foreign = Signer(token_urlsafe(64), salt="app.admin.admin_session").sign(session_id.hex).decode()
    for forged in (
        session_id.hex,
        str(session_id),
        f"{session_id.hex}.",
        f"{uuid4().hex}.{signature}",
        foreign,
        "",
        ".",
        "é",
    ):
        client.cookies.clear()
        assert (await client.get(INDEX, headers={b"Cookie": f"{COOKIE}={forged}".encode()})).status_code == 303


async def test_a_session_of_the_api_is_none_for_a_browser(
    client: AsyncClient, db: AsyncSession, staff: User, enter: Enter, login: Login
) -> None:
    """Even if its id were signed."""
    await enter(staff)
    await login(staff)
    await db.execute(update(Session).where(Session.family_hash == "").values(family_hash="x"))
    await db.commit()

    assert not await is_in(client)


async def test_a_session_of_a_browser_has_no_refresh_token(
    client: AsyncClient, db: AsyncSession, staff: User, enter: Enter
) -> None:
    await enter(staff)
    session = (await db.scalars(select(Session))).one()
    assert (session.family_hash, session.rotation_hash) == ("", "")

    token = RefreshToken(session.id, "", "")
    answer = await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": str(token)})

    assert answer.status_code == 400
    assert await is_in(client)  # and the try ends no session


async def test_the_cookie_outlives_a_rotation_of_keys(client_with: ClientWith, staff: User) -> None:
    old, new, other = (SecretStr(token_urlsafe(64)) for _ in range(3))
    before = await client_with(secret_key=old)
    await before.post(LOGIN, data={"username": "clerk", "password": PASSWORD})
    rotated = await client_with(secret_key=new, secret_key_fallbacks=(old, other))
    forgotten = await client_with(secret_key=new)

    assert [await is_in_with(client, before.cookies[COOKIE]) for client in (rotated, forgotten)] == [True, False]

    await rotated.post(LOGIN, data={"username": "clerk", "password": PASSWORD})
    assert await is_in_with(forgotten, rotated.cookies[COOKIE])  # the new key signs


async def is_in_with(client: AsyncClient, cookie: str) -> bool:
    return (await client.get(INDEX, headers={"Cookie": f"{COOKIE}={cookie}"})).status_code == 200


async def test_what_a_script_asks_for_is_no_login_page(client: AsyncClient) -> None:
    """The script would take a redirect for success."""
    answer: Response = await client.delete("/admin/user/delete", params={"pks": str(UUID(int=0))})

    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert "log in" in answer.text
    assert (await client.post("/admin/user/create")).headers["Location"].endswith(LOGIN)


async def test_the_list_of_routes_says_who_may_come_here(application: FastAPI) -> None:
    assert ("*", "/admin", "a member of staff") in [row[:3] for row in listed(application)]
