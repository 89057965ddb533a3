"""Our pages in a browser, also behind a proxy that serves the project under a prefix."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.kit.browser import Browse
from tests.kit.servers import LOOPBACK, UVICORN, Server, server
from tests.kit.services import PASSWORD, USERNAME, Service
from tests.kit.swagger import authorize, call

PREFIX = "/prefix"
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


def expect_style(page: Page) -> None:
    expect(page.locator("main")).to_have_css("border-radius", "12px")


@pytest.mark.parametrize(("color_scheme", "ground"), [("light", "rgb(243, 245, 246)"), ("dark", "rgb(17, 22, 27)")])
def test_the_front_page_leads_to_the_documentation(
    browse: Browse, site: Server, color_scheme: str, ground: str
) -> None:
    page = browse(site.url, color_scheme, width=320)

    expect_style(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.get_by_role("link", name="Documentation").click()
    expect(page.locator("#operations-me-read_me")).to_be_visible()


def test_the_front_page_leads_to_the_admin_site(browse: Browse, site: Server) -> None:
    page = browse(site.url)
    page.get_by_role("link", name="Administration").click()

    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("path", ["/nowhere", "/users/no/such/thing", "/a%2Fb//c?d=/e"])
def test_an_error_is_a_page_that_leads_back(browse: Browse, site: Server, path: str) -> None:
    browse.expect("status of 404")
    page = browse(site.url + path)

    expect_style(page)
    expect(page.get_by_role("heading")).to_have_text("Not Found 404")
    page.get_by_role("link", name="To the front page").click()
    expect(page).to_have_url(f"{site.url}/")


@contextmanager
def proxy(served: Server) -> Iterator[str]:
    """Yield the address of a proxy. It passes on all requests that begin with PREFIX, and removes the prefix."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path.startswith(PREFIX), self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = served.url + self.path.removeprefix(PREFIX)
            answer = httpx.request(self.command, url, headers=dict(self.headers), content=body, trust_env=False)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815 (what it is called by)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer((LOOPBACK, 0), Proxy) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{running.server_port}{PREFIX}"
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("options", [(), ("--root-path", PREFIX)], ids=["untold", "told"])
def test_all_pages_work_under_a_prefix(browse: Browse, prepared: Service, options: tuple[str, ...]) -> None:
    """It must work whether uvicorn knows the prefix or not."""
    browse.expect("status of 404")
    with server(prepared.project, prepared.python, prepared.env, (*UVICORN, *options)) as served, proxy(served) as url:
        page = browse(f"{url}/users/no/such/thing")
        expect_style(page)
        page.get_by_role("link", name="To the front page").click()
        expect(page).to_have_url(f"{url}/")
        expect_style(page)
        page.get_by_role("link", name="Documentation").click()
        authorize(page, USERNAME, PASSWORD)
        assert call(page, "me-read_me").json()["username"] == USERNAME
