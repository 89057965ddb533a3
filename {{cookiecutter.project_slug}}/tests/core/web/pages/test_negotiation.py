import pytest

from app.core.web.pages.negotiation import prefers_html

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROMIUM = f"{FIREFOX.removesuffix('*/*;q=0.8')},image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (FIREFOX, True),
        (CHROMIUM, True),
        ("text/html", True),
        ("TEXT/HTML ; Q=1.0", True),
        ("text/*", True),
        ("text/*, */*;q=0.1", True),
        ("text/html;charset=utf-8", True),
        ("application/json;q=0.8, text/html;q=0.9", True),
        ("*/*, application/json;q=0.1", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("application/json, text/html;q=0.999", False),
        ("text/html;q=0", False),
        ("text/html;q=0, text/*", False),
        ("*/*, text/html;q=0.5", False),
        ("text/html;q=2", False),
        ("text/html;q=nan", False),
        ("text/html;q=", False),
        (",;,;q=1,/", False),
        ("image/png", False),
    ],
)
def test_who_gets_a_page(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html
