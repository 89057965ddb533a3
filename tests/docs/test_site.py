"""The template's site: it builds strictly, shows what the pages show elsewhere, and asks no other host."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import expect

from tests.conftest import FOLDER, ROOT
from tests.kit.browser import Browse
from tests.kit.markdown import parsed
from tests.kit.servers import LOOPBACK

COUNTED = ("h1", "h2", "h3", "h4", "ol", "ul", "li", "tr", "pre", "blockquote")
FETCHED = {("script", "src"), ("img", "src"), ("source", "srcset"), ("iframe", "src"), ("link", "href")}


class Article(HTMLParser):
    """Counts the elements of a page's text, and collects what the whole page fetches."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.fetched: list[str] = []
        self._depth = 0
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag == "article"
        if self._depth and tag in COUNTED:
            self.elements[tag] += 1
        self.fetched += [value or "" for name, value in attrs if (tag, name) in FETCHED]

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "article"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def build(folder: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1"}
    return subprocess.run(command, check=False, cwd=root, env=env, capture_output=True, encoding="utf-8")


def sources() -> list[tuple[Path, str]]:
    """Every page with its address on the site."""
    project = ROOT / FOLDER / "docs"
    pages = [(page, page.relative_to(ROOT / "docs")) for page in sorted((ROOT / "docs").rglob("*.md"))]
    pages += [(page, "project" / page.relative_to(project)) for page in sorted(project.glob("*.md"))]
    others = (*ROOT.glob("*.md"), *ROOT.glob("examples/*/README.md"))
    pages += [(page, page.relative_to(ROOT)) for page in sorted(others)]
    return [(page, path.with_suffix("").as_posix().lower().removesuffix("readme")) for page, path in pages]


@pytest.mark.parametrize(("page", "address"), sources(), ids=[address or "home" for _, address in sources()])
def test_a_page_has_the_same_lists_tables_and_examples_on_the_site(built: Path, page: Path, address: str) -> None:
    """Python-Markdown is not CommonMark: it wants four spaces before what belongs to an item of a list."""
    expected = Counter(token.tag.replace("code", "pre") for token in parsed(page) if token.nesting != -1)
    found = Article(built / address / "index.html").elements
    diagrams = sum(token.info == "mermaid" for token in parsed(page))  # pictures on the site
    assert found + Counter(pre=diagrams) == Counter({tag: expected[tag] for tag in COUNTED if expected[tag]})


def test_the_picture_of_the_architecture_names_what_the_diagram_does() -> None:
    """Each project has the diagram as text, which GitHub draws. The site has a picture that was drawn once."""
    diagram = next(token for token in parsed(ROOT / FOLDER / "docs" / "architecture.md") if token.info == "mermaid")
    drawn = (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8")
    words = r"\b(flowchart TD|subgraph|direction|end|LR|br)\b|\w+(?= ?\[)"  # of the language; ids with a label
    labels = re.sub(words, "", diagram.content)
    assert [word for word in re.findall(r"\w+", labels) if word not in drawn] == []


def test_no_page_fetches_anything_from_elsewhere(built: Path) -> None:
    pages = {page: Article(page).fetched for page in built.rglob("*.html")}
    assert len(pages) > len(sources())
    for page, fetched in pages.items():
        assert [address for address in fetched if "//" in address] == [], page


@pytest.fixture
def published(built: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(built))
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def test_a_reader_finds_a_setting_by_the_search(published: str, browse: Browse) -> None:
    page = browse(f"{published}/tutorial/")
    search = page.get_by_role("textbox", name="Search")
    search.click()
    search.press_sequentially("LOGIN_THROTTLE")
    page.locator("a[href*=throttling]", has=page.locator("mark")).first.click()
    expect(page.get_by_role("heading", name="Throttling", level=1)).to_be_visible()


@pytest.mark.parametrize("fault", ["[gone](gone.md)", "[gone](start.md#gone)", "![gone](images/gone.png)"])
def test_a_broken_link_fails_the_build(tmp_path: Path, fault: str) -> None:
    root = shutil.copytree(ROOT, tmp_path / "root", ignore=shutil.ignore_patterns(".*", "app", "tests", "bench"))
    start = root / "docs" / "start.md"
    start.write_text(f"{start.read_text(encoding='utf-8')}\n{fault}\n", encoding="utf-8")
    done = build(tmp_path / "site", root)
    assert done.returncode == 1
    assert "gone" in done.stderr
