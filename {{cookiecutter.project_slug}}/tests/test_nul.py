"""NUL characters anywhere in a request, on every route. PostgreSQL can't store them, so they could become a 500.

The routes and their inputs come from the OpenAPI document, so new routes are tried too.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.accounts.models import User
from tests.conftest import PASSWORD, Client, Login, bearer

PARAMETER = re.compile(r"\{[^}]*\}")
KINDS = {"application/json": "json", "application/x-www-form-urlencoded": "data"}
Operation = dict[str, Any]


def operations(app: FastAPI) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if "text/event-stream" not in str(operation["responses"]):  # such an answer may never end
                yield method, path, operation


def bodies(app: FastAPI, operation: Operation) -> Iterator[dict[str, Any]]:
    """Yield the body with a NUL in one text after another. The other values are examples."""
    schemas = app.openapi()["components"]["schemas"]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        properties = schemas[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
        values = {name: (field.get("examples") or ["x"])[0] for name, field in properties.items()}
        for name, field in properties.items():
            if "'string'" in str(field):
                is_list = isinstance(values[name], list)
                yield {KINDS[media_type]: values | {name: ["a\0b"] if is_list else "a\0b"}}


def refusals(path: str) -> tuple[int, ...]:
    """A route for one row may look for the row before it reads the body. Only the user of the test is there."""
    return (400, 404, 422) if PARAMETER.search(path) else (400, 422)


async def test_nul_in_a_body_or_form_is_refused(application: FastAPI, admin: User, login: Login) -> None:
    headers = await login(admin)
    tried = 0
    async with Client(application) as client:
        for method, path, operation in operations(application):
            for body in bodies(application, operation):
                answer = await client.request(method, PARAMETER.sub(str(admin.id), path), headers=headers, **body)
                assert answer.status_code in refusals(path), (method, path, body, answer.text)
                tried += 1
    assert tried > 20


async def test_nul_in_a_path_or_query_is_no_500(application: FastAPI, admin: User, login: Login) -> None:
    headers = await login(admin)
    async with Client(application) as client:
        for method, path, operation in operations(application):
            names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            query = "&".join(f"{name}=%00" for name in [*names, "token", "next"])
            for address in (PARAMETER.sub("%00", path), f"{path}%00", f"{PARAMETER.sub(str(admin.id), path)}?{query}"):
                answer = await client.request(method, address, headers=headers)
                assert answer.status_code < 500, (method, address)
        for page in ("/account/verify-email", "/account/reset-password"):
            assert (await client.get(f"{page}?token=%00")).status_code == 422
            form = {"token": "\0", "new_password": "\0", "repeated": "\0"}
            assert (await client.post(page, data=form)).status_code == 422


@pytest.mark.parametrize(
    "name", ["User-Agent", "X-Request-ID", "X-Forwarded-For", "Accept", "Cookie", "Origin", "Referer"]
)
async def test_nul_in_a_header_changes_nothing(application: FastAPI, user: User, name: str) -> None:
    """uvicorn refuses it, but another server might not."""
    form = {"username": "alice", "password": PASSWORD}
    async with Client(application) as client:
        answer = await client.post("/token", data=form, headers={name.encode(): b"a\0b"})
        assert answer.status_code == 200
        me = await client.get("/users/me", headers=bearer(answer.json()["access_token"]) | {name: "a\0b"})
        assert me.status_code == 200
        assert (await client.get("/users/me", headers={"Authorization": "Bearer a\0b"})).status_code == 401
