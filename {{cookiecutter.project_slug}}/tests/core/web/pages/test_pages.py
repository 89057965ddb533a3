import re
from urllib.parse import urljoin

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from httpx import AsyncClient
from jinja2 import DictLoader, PrefixLoader

from app.core.web.pages.rendering import page
from app.core.web.pages.templating import jinja_environment
from tests.conftest import Client, ClientWith, Serve

TEMPLATE = """
{% extends "core/base.html" %}
{% block title %}Hello{% endblock %}
{% block content %}<h1>Hello, {{ name }}</h1>{% endblock %}
"""


@pytest.fixture
async def greeter(client_with: ClientWith, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of an application with a page of an app."""
    router = APIRouter()

    @router.get("/greet/{name:path}")
    async def greet(request: Request, name: str) -> HTMLResponse:
        return page(request, "greetings/greeting.html", status_code=202, headers={"X-Greeting": "yes"}, name=name)

    loader = jinja_environment().loader
    assert isinstance(loader, PrefixLoader)
    monkeypatch.setitem(loader.mapping, "greetings", DictLoader({"greeting.html": TEMPLATE}))
    serve(router)
    return await client_with()


async def html_of(client: AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 202
    return answer.text


def addresses(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


async def test_an_app_brings_pages_that_look_like_the_others(greeter: AsyncClient) -> None:
    answer = await greeter.get("/greet/<b>")

    assert (answer.status_code, answer.headers["X-Greeting"]) == (202, "yes")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<h1>Hello, &lt;b&gt;</h1>" in answer.text
    assert "static/pages.css" in answer.text


async def test_a_page_has_nothing_that_the_security_policy_forbids(greeter: AsyncClient) -> None:
    html = await html_of(greeter, "/greet/x")

    assert "//" not in html
    assert not re.search(r"<script|<style|\s(?:style|on\w+)=", html)


@pytest.mark.parametrize("path", ["/greet/x", "/greet/x/", "/greet/x/y/z", "/greet/x%2Fy"])
@pytest.mark.parametrize("prefix", ["", "/prefix"])
async def test_the_addresses_on_a_page_hold_behind_a_proxy(greeter: AsyncClient, path: str, prefix: str) -> None:
    """The proxy serves the application under a prefix. The application need not know it."""
    html = await html_of(greeter, path)
    for address in addresses(html):
        seen = urljoin(f"http://localhost{prefix}{path}", address)
        assert seen.startswith(f"http://localhost{prefix}/")
        if "static" in address:
            assert (await greeter.get(seen.replace(prefix, "", 1))).status_code == 200, seen


async def test_the_addresses_on_a_page_hold_where_the_prefix_is_told(greeter: Client) -> None:
    async with Client(greeter.app, root_path="/prefix") as client:
        html = await html_of(client, "/prefix/greet/x/y")

    assert {address.removesuffix("static/icon.svg") for address in addresses(html)} >= {"../../"}


@pytest.mark.parametrize("name", ["pages.css", "icon.svg"])
async def test_a_file_is_kept_for_a_while_and_then_asked_for(client: AsyncClient, name: str) -> None:
    first = await client.get(f"/static/{name}")
    again = await client.get(f"/static/{name}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(("path", "kind"), [("/favicon.ico", "image/svg+xml"), ("/robots.txt", "text/plain")])
async def test_what_browsers_and_crawlers_ask_for_is_there(client: AsyncClient, path: str, kind: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
