"""Makes the pictures in the README again, with `python -m pytest tests/docs/screenshots.py`."""

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT
from tests.kit.admin_site import enter
from tests.kit.browser import Browse
from tests.kit.servers import Server
from tests.kit.services import PASSWORD, USERNAME, bearer, connect, log_in
from tests.kit.swagger import authorize

IMAGES = ROOT / "docs" / "images"
PEOPLE = {"grace": "Grace Hopper", "barbara": "Barbara Liskov", "frances": "Frances Allen", "edsger": "Edsger Dijkstra"}
MAX_SIZE = 96 * 1024  # bytes: who clones the repository takes them along


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_front_page(browse: Browse, site: Server, color_scheme: str) -> None:
    page = browse(site.url, color_scheme, width=640, height=420)
    expect(page.get_by_role("link", name="Documentation")).to_be_visible()

    assert len(page.screenshot(path=IMAGES / f"front-page-{color_scheme}.png")) < MAX_SIZE


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_documentation(browse: Browse, site: Server, color_scheme: str) -> None:
    page = browse(f"{site.url}/docs", color_scheme, width=840, height=600)
    authorize(page, USERNAME, PASSWORD)
    page.mouse.move(0, 0)
    page.locator(".scheme-container").evaluate("container => container.scrollIntoView()")

    assert len(page.screenshot(path=IMAGES / f"docs-{color_scheme}.png")) < MAX_SIZE


@pytest.fixture(scope="module")
def people(site: Server) -> None:
    with connect(site) as client:
        client.headers.update(bearer(log_in(client).json()["access_token"]))
        for username, full_name in PEOPLE.items():
            new = {"username": username, "email": f"{username}@example.com", "full_name": full_name}
            client.post("/users", json={**new, "password": PASSWORD}).raise_for_status()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("path", ["user", "audit-entry"])
def test_the_admin_site(browse: Browse, site: Server, path: str) -> None:
    page = browse(f"{site.url}/admin/{path}/list", width=1280, height=600)
    enter(page)
    page.mouse.move(0, 0)
    expect(page.locator("tbody tr").first).to_be_visible()

    assert len(page.screenshot(path=IMAGES / f"admin-{path}.png")) < MAX_SIZE
