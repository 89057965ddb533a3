"""Tests the browser of the tests: it must notice every fault, or nobody could trust a page without complaints."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect

from tests.kit.browser import Browse
from tests.kit.servers import LOOPBACK

POLICY = "default-src 'none'; script-src 'self'; img-src * data:; connect-src *"
SCRIPT = "document.title = 'ran'"


class Pages(BaseHTTPRequestHandler):
    """`/` is a page with `body`, and `/script` is a script of the same site."""

    body = script = ""

    def do_GET(self) -> None:
        served = {"/": ("text/html", self.body), "/script": ("text/javascript", self.script)}
        kind, text = served.get(self.path, ("text/plain", ""))
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def page(body: str, script: str = SCRIPT) -> Iterator[str]:
    """Serve the page, and yield its address."""
    html = f'<!DOCTYPE html><link rel="icon" href="data:,"><script src="script"></script>{body}'
    handler = type("Handler", (Pages,), {"body": html, "script": script})
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_clean_page_is_not_complained_of(browse: Browse) -> None:
    with page("<h1>Hello</h1>") as url:
        opened = browse(url)
        assert (opened.inner_text("h1"), opened.title()) == ("Hello", "ran")


DIRT = """
<style>p { color: red }</style>
<p style="color: red">
<script>1</script>
<img src="missing">
<img src="http://example.com/x.png">
"""
DIRTY_SCRIPT = """
console.error("one error");
fetch("http://127.0.0.1:1/").catch(() => 0);
Promise.reject(new Error("a rejected promise"));
setTimeout(() => { document.title = "late"; throw new Error("a late exception") }, 100);
"""


def test_nothing_that_is_wrong_with_a_page_is_missed(chromium: Browser) -> None:
    browse = Browse(chromium)
    with page(DIRT, DIRTY_SCRIPT) as url:
        expect(browse(url)).to_have_title("late")
        with pytest.raises(AssertionError, match="The browser complains") as caught:
            browse.close()

    for complaint in (
        "Violates style-src-elem by inline",
        "Violates style-src-attr by inline",
        "Violates script-src-elem by inline",
        "status of 404",
        "another host: http://example.com/x.png",
        "another host: http://127.0.0.1:1/",
        "console: one error",
        "exception: a rejected promise",
        "exception: a late exception",
    ):
        assert complaint in str(caught.value)


def test_a_complaint_that_is_expected_must_come(chromium: Browser, browse: Browse) -> None:
    browse.expect("status of 404")
    careless = Browse(chromium)
    careless.expect("status of 500")
    with page("<img src='missing'>") as url:
        browse(url)
        careless(url)
        careless.expect("status of 404")
        with pytest.raises(AssertionError, match="did not complain of: status of 500"):
            careless.close()
