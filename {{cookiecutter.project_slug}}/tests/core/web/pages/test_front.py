from html import unescape

import pytest
from fastapi import APIRouter
from httpx import AsyncClient

from app.core.settings import PROJECT, TITLE
from tests.conftest import ClientWith, Serve

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_programs_learn_where_to_go_on(client: AsyncClient) -> None:
    answer = await client.get("/")
    about = answer.json()

    assert (about["name"], about["version"]) == (TITLE, PROJECT["version"])
    assert about["links"]["docs"] == "docs"
    assert answer.headers["Vary"] == "Accept"
    for path in about["links"].values():
        assert (await client.get(path, follow_redirects=True)).status_code == 200, path


async def test_people_get_a_page(client: AsyncClient) -> None:
    answer = await client.get("/", headers=BROWSER)

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    assert PROJECT["description"] in unescape(answer.text)
    assert 'href="./docs"' in answer.text


@pytest.mark.parametrize(
    ("changes", "shown", "hidden"),
    [
        ({"environment": "local"}, {"docs", "openapi", "live"}, set()),
        ({"environment": "production"}, {"docs"}, {"live", "ready", "metrics"}),
        ({"environment": "production", "docs_enabled": False}, set(), {"docs", "openapi"}),
    ],
)
async def test_only_what_is_served_is_linked_to(
    client_with: ClientWith, changes: dict[str, object], shown: set[str], hidden: set[str]
) -> None:
    client = await client_with(**changes)
    links = (await client.get("/")).json()["links"]

    assert shown <= links.keys()
    assert not hidden & links.keys()


async def test_a_monitor_may_ask_for_the_head_alone(client: AsyncClient) -> None:
    assert (await client.head("/")).status_code == 200


async def test_an_app_can_have_a_front_page_of_its_own(client_with: ClientWith, serve: Serve) -> None:
    router = APIRouter()

    @router.get("/")
    async def shop_window() -> str:
        return "ours"

    serve(router)
    client = await client_with()

    assert (await client.get("/", headers=BROWSER)).json() == "ours"
