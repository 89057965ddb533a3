"""A real browser for tests: the machine's Chromium. It notices everything that a page should not do."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebError, expect, sync_playwright

from tests.kit.servers import LOOPBACK, clean_environment

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# `make test-weekly` slows the network down. That finds tests that look at a page before it is there.
SLOW = "BROWSER_SLOW" in os.environ
SLOW_NETWORK = {"offline": False, "latency": 300, "downloadThroughput": 50_000, "uploadThroughput": -1}  # ms, bytes/s
TIMEOUT = 150_000 if SLOW else 30_000  # only a test that fails waits so long

expect.set_options(timeout=TIMEOUT)

# In addition to Playwright's: no sandbox, no first run, no updates, nothing in the background.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}",  # all requests stay on this machine
)

# Runs before the page's own scripts. Chromium reports most violations by itself. Events report the others.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
  console.error(`Violates ${event.effectiveDirective} by ${event.blockedURI} at ${event.sourceFile}`), true)
"""


class BrowserMissing(Exception):
    """Chromium is not installed."""


class Chromium:
    """One browser for many tests."""

    def __init__(self, launch: Callable[[], Browser]) -> None:
        self._launch = launch
        self._browser = launch()

    def running(self) -> Browser:
        """Return a new browser if the old one crashed. `pyproject.toml` makes pytest run the failed test again."""
        if not self._browser.is_connected():
            self._browser = self._launch()
        return self._browser

    def close(self) -> None:
        """Close the browser, even if it crashed."""
        self._browser.close()


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Raises BrowserMissing. Inside the block, this thread has an event loop, so `asyncio.run` does not work."""
    path = _chromium_path()
    with sync_playwright() as playwright:

        def launch() -> Browser:
            return playwright.chromium.launch(executable_path=path, args=FLAGS, env={**clean_environment()})

        browser = Chromium(launch)
        yield browser
        browser.close()


@contextmanager
def chromium_or_skip() -> Iterator[Chromium]:
    """For fixtures: without Chromium, their tests are skipped. In CI they fail."""
    try:
        _chromium_path()
    except BrowserMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    with chromium() as browser:
        yield browser


def _chromium_path() -> str:
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise BrowserMissing("Chromium is not installed here: on Debian, `apt-get install chromium`.")


class Browse:
    """A person with a new browser: no cookies, an empty cache.

    `browse(url)` opens a page. Each of these is a complaint: a violation of the security policy, an error in the
    console, an exception in a script, a request to a host that was not opened. `close` raises AssertionError if there
    are complaints that `expect` has not announced. It waits for the page to load. If a script does more after that,
    let the test wait for the result.
    """

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.hosts: set[str] = set()
        self.context = browser.new_context(locale="en-GB", reduced_motion="reduce")
        self.context.set_default_timeout(TIMEOUT)
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)
        self.context.on("request", self._see)

    def __call__(self, url: str, color_scheme: str = "light", width: int = 1280, height: int = 800) -> Page:
        self.hosts.add(urlsplit(url).netloc)
        page = self.context.new_page()
        page.emulate_media(color_scheme="dark" if color_scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": height})
        if SLOW:
            self.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW_NETWORK)
        page.goto(url)
        return page

    def expect(self, *parts: str) -> None:
        """Announce complaints that must come, by a part of their text: `browse.expect("status of 404")`."""
        self.expected.extend(parts)

    def close(self) -> None:
        for page in self.context.pages:
            page.wait_for_load_state()
            page.locator(":root").wait_for(state="attached")  # after this answer, all earlier complaints are here
        self.context.close()
        unexpected = [said for said in self.complaints if not any(part in said for part in self.expected)]
        assert not unexpected, "The browser complains:\n" + "\n".join(unexpected)
        for part in self.expected:
            assert any(part in said for said in self.complaints), f"The browser did not complain of: {part}"

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _catch(self, error: WebError) -> None:
        self.complaints.append(f"exception: {error.error}")

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.hosts:
            self.complaints.append(f"another host: {request.url}")
