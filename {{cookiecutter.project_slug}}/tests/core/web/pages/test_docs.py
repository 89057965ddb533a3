import re
from importlib.metadata import version

import pytest
from httpx import AsyncClient

from tests.conftest import Client, ClientWith


async def test_the_page_and_all_it_needs_come_from_here(client: AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    assert "//" not in page.text
    assert not re.search(r"<script>|<style|\son\w+=", page.text), "inline code, which the security policy forbids"
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 5
    for address in addresses:
        assert (await client.get(f"/{address}")).status_code == 200, address


async def test_its_large_files_are_kept_until_their_version_changes(client: AsyncClient) -> None:
    page = await client.get("/docs")
    (bundle,) = re.findall(r'src="\./(docs/assets[^"]+)"', page.text)
    answer = await client.get(f"/{bundle}")

    assert f"?v={version('fastapi-offline')}" in bundle
    assert answer.headers["Cache-Control"] == "public, max-age=2592000"


async def test_production_shows_neither(client_with: ClientWith) -> None:
    client = await client_with(docs_enabled=False)

    assert (await client.get("/docs")).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/prefix"])
async def test_generated_clients_learn_the_public_address(client_with: ClientWith, prefix: str) -> None:
    """A relative address would mean nothing to a client in Node, or on a page of another path."""
    app = (await client_with(public_url="https://api.example.com")).app
    async with Client(app, root_path=prefix) as client:
        document = (await client.get(f"{prefix}/openapi.json")).json()

    assert document["servers"] == [{"url": "https://api.example.com"}]
