import re

from httpx import AsyncClient

from tests.conftest import ClientWith


async def test_the_page_and_all_it_needs_come_from_here(client: AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    assert "http" not in page.text
    assert not re.search(r"<script>|<style|\son\w+=", page.text), "inline code, which the security policy forbids"
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.get(f"/{address}")).status_code == 200, address


async def test_the_document_says_how_to_log_in(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "token"
    assert document["paths"]["/protected"]["get"]["security"]


async def test_production_shows_neither(client_with: ClientWith) -> None:
    client = await client_with(docs_enabled=False)

    assert (await client.get("/docs")).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 404
