from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import BaseModel, TypeAdapter

from app.accounts.authentication import schemas as of_authentication
from app.accounts.permissions import schemas as of_permissions
from app.accounts.users import schemas as of_users

SCHEMAS = (of_authentication, of_permissions, of_users)
VALUES = {value for module in SCHEMAS for value in vars(module).values() if isinstance(value, type)}
MODELS = sorted((value for value in VALUES if issubclass(value, BaseModel)), key=lambda model: model.__name__)


@pytest.fixture
async def document(application: FastAPI) -> dict[str, Any]:
    return application.openapi()


async def test_the_document_says_how_to_log_in(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]

    assert schemes["OAuth2PasswordBearer"]["flows"] == {
        "password": {"tokenUrl": "token", "refreshUrl": "token", "scopes": {}}
    }
    assert (schemes["HTTPBearer"]["type"], schemes["HTTPBearer"]["scheme"]) == ("http", "bearer")
    assert "press **Authorize**" in document["info"]["description"]
    assert "valid for 30 minutes" in document["info"]["description"]


@pytest.mark.parametrize(
    ("method", "path", "ways"),
    [
        ("get", "/users/me", [{"OAuth2PasswordBearer": []}, {"HTTPBearer": []}]),
        ("post", "/users", [{}, {"OAuth2PasswordBearer": []}, {"HTTPBearer": []}]),
        ("post", "/token", None),
    ],
)
async def test_a_route_says_in_which_ways_it_lets_callers_in(
    document: dict[str, Any], method: str, path: str, ways: list[dict[str, list[str]]] | None
) -> None:
    """The schemes of other apps come after these."""
    security = document["paths"][path][method].get("security")

    assert (security and security[: len(ways or ())]) == ways


async def test_who_reads_the_document_from_top_to_bottom_first_learns_to_log_in(document: dict[str, Any]) -> None:
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    used = {tag for items in document["paths"].values() for operation in items.values() for tag in operation["tags"]}

    assert list(described)[:2] == ["token", "me"]
    assert all(described.values())
    assert set(described) <= used


@pytest.mark.parametrize("path", ["/token", "/token/revoke"])
async def test_token_routes_document_the_errors_of_rfc_6749(document: dict[str, Any], path: str) -> None:
    responses = document["paths"][path]["post"]["responses"]

    assert "422" not in responses
    assert "OAuth2ErrorRead" in str(responses["400"])


@pytest.mark.parametrize(
    ("operation", "codes"),
    [
        (("get", "/users/me"), {"200", "401", "503"}),
        (("get", "/groups"), {"200", "401", "403", "422", "503"}),
        (("patch", "/groups/{group_id}"), {"200", "400", "401", "403", "404", "409", "413", "422", "503"}),
        (("post", "/users/me/password"), {"204", "400", "401", "413", "422", "429", "503"}),
        (("post", "/token"), {"200", "400", "401", "413", "429", "503"}),
    ],
)
async def test_routes_document_their_errors(
    document: dict[str, Any], operation: tuple[str, str], codes: set[str]
) -> None:
    method, path = operation

    assert set(document["paths"][path][method]["responses"]) == codes


@pytest.mark.parametrize("model", MODELS)
def test_examples_are_valid(model: type[BaseModel]) -> None:
    for field in model.model_fields.values():
        annotated: Any = Annotated[field.annotation, field]
        for example in field.examples or ():
            TypeAdapter(annotated).validate_python(example)
    extra: Any = model.model_config.get("json_schema_extra", {})
    for example in extra.get("examples", ()):
        model.model_validate(example)


async def test_the_login_in_the_documentation_takes_any_password(client: AsyncClient) -> None:
    """curl's `-d` would send the + and & of a password as something else."""
    description = (await client.get("/openapi.json")).json()["info"]["description"]

    assert "--data-urlencode password=PASSWORD" in description
