"""`/docs` in a browser: somebody who has only a password logs in there, and calls every kind of route."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.kit.browser import Browse
from tests.kit.servers import Server
from tests.kit.services import EMAIL, PASSWORD, USERNAME, connect, log_in
from tests.kit.swagger import authorize, authorize_with, call, open_dialog, try_to_authorize


@pytest.fixture
def docs(browse: Browse, site: Server) -> Page:
    return browse(f"{site.url}/docs")


def test_every_kind_of_call_works_on_the_page(docs: Page) -> None:
    authorize(docs, USERNAME, PASSWORD)
    me = call(docs, "me-read_me")
    assert (me.status, me.json()["email"]) == (200, EMAIL)
    assert call(docs, "hello-protected").json() == {"message": "Hello, authenticated user!"}
    assert call(docs, "health-live").status == 200
    form = call(docs, "token-token", grant_type="password", username=EMAIL, password=PASSWORD)
    assert (form.status, form.json()["token_type"]) == (200, "bearer")

    group: dict[str, Any] = call(docs, "groups-create_group", json.dumps({"name": "Swagger"})).json()
    changed = call(docs, "groups-update_group", json.dumps({"name": "Swagger UI"}), group_id=group["id"])
    assert (changed.status, changed.json()) == (200, {**group, "name": "Swagger UI"})
    assert call(docs, "groups-delete_group", group_id=group["id"]).status == 204


def test_a_token_can_be_pasted(docs: Page, site: Server) -> None:
    with connect(site) as client:
        token = log_in(client).json()["access_token"]
    authorize_with(docs, token)

    assert call(docs, "me-read_me").json()["email"] == EMAIL
    assert call(docs, "hello-protected").status == 200


def test_a_login_that_fails_is_told_and_one_can_log_out(docs: Page, browse: Browse) -> None:
    browse.expect("status of 401")
    dialog = try_to_authorize(docs, USERNAME, "wrong")
    expect(dialog.locator(".errors")).to_contain_text("Unauthorized")

    dialog.get_by_label("password:").fill(PASSWORD)
    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    dialog.get_by_role("button", name="Remove authorization").click()
    dialog.get_by_role("button", name="Close").click()
    assert call(docs, "me-read_me").status == 401


def test_the_dialog_asks_only_for_what_one_has(docs: Page) -> None:
    dialog = open_dialog(docs, "OAuth2PasswordBearer")

    expect(dialog.get_by_label("username:")).to_be_visible()
    for needless in ("client_id:", "client_secret:", "Client credentials location:"):
        expect(dialog.get_by_label(needless)).to_be_hidden()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_it_is_as_dark_as_the_reader_likes_and_fits_a_phone(browse: Browse, site: Server, color_scheme: str) -> None:
    docs = browse(f"{site.url}/docs", color_scheme, width=390)
    expect(docs.locator("#operations-me-read_me")).to_be_visible()

    assert docs.evaluate("document.documentElement.classList.contains('dark-mode')") == (color_scheme == "dark")
    assert docs.evaluate("document.documentElement.scrollWidth") <= 390
