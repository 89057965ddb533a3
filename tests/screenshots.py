"""The pictures in the README. They are made again by naming this file: `python -m pytest tests/screenshots.py`."""

import pytest
from playwright.sync_api import expect

from tests.browser import Browse
from tests.conftest import ROOT
from tests.servers import Server
from tests.services import PASSWORD, USERNAME
from tests.swagger import authorize

IMAGES = ROOT / "docs" / "images"
MAX_SIZE = 60 * 1024  # bytes: who clones the repository takes them along


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
