from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient

from app.accounts.models import User
from app.core.web.openapi import install_openapi, operation_id, raises
from app.core.web.throttling import Throttle
from tests.conftest import ClientWith, Login

Operations = dict[tuple[str, str], dict[str, Any]]


@raises(401)
class Guard:
    async def __call__(self) -> str:
        return "nobody"


@raises(418)
async def teapot(guard: Annotated[str, Depends(Guard())]) -> str:
    return guard


def make_router() -> APIRouter:
    router = APIRouter()

    @router.get("/tea/{number}", dependencies=[Depends(Throttle("1/minute"))])
    @raises(404)
    async def read_tea(number: int, pot: Annotated[str, Depends(teapot)]) -> None: ...

    return router


def document_of(*routers: APIRouter) -> dict[str, Any]:
    app = FastAPI(generate_unique_id_function=operation_id)
    for router in routers:
        app.include_router(router)
    install_openapi(app)
    return app.openapi()


@pytest.fixture
async def document(application: FastAPI) -> dict[str, Any]:
    return application.openapi()


@pytest.fixture
async def operations(document: dict[str, Any]) -> Operations:
    return {(method, path): item for path, items in document["paths"].items() for method, item in items.items()}


async def test_a_generated_client_has_methods_named_like_our_functions(
    application: FastAPI, operations: Operations
) -> None:
    names = {
        route.name for route in iter_route_contexts(application.routes) if isinstance(route.original_route, APIRoute)
    }
    ids = [operation["operationId"] for operation in operations.values()]

    assert set(ids) <= names
    assert len(ids) == len(set(ids)), "two routes have functions with the same name"
    assert "Get" not in str(operations["get", "/users/me"]["responses"])


def test_two_functions_of_one_name_are_found_out() -> None:
    other = APIRouter()
    other.add_api_route("/coffee", make_router().routes[0].endpoint)  # type: ignore[attr-defined]

    with pytest.warns(UserWarning, match="Duplicate Operation ID read_tea"):
        document_of(make_router(), other)


@pytest.mark.parametrize("prefix", ["", "/outer"])
def test_a_route_documents_the_errors_of_all_that_it_depends_on(prefix: str) -> None:
    router = make_router()
    if prefix:
        outer = APIRouter()
        outer.include_router(router, prefix=prefix)
        router = outer
    operation = document_of(router)["paths"][f"{prefix}/tea/{{number}}"]["get"]

    assert list(operation["responses"]) == ["200", "401", "404", "418", "422", "429"]
    assert operation["responses"]["429"]["headers"]["Retry-After"]
    assert operation["responses"]["401"]["headers"]["WWW-Authenticate"]
    assert operation["responses"]["418"]["description"] == "I'm a Teapot"
    assert operation["operationId"] == "read_tea"


async def test_whoever_needs_a_token_documents_what_happens_without(operations: Operations) -> None:
    secured = [operation for operation in operations.values() if "security" in operation]

    assert secured
    assert all("401" in operation["responses"] for operation in secured)


async def test_invalid_fields_are_documented_as_they_are_answered(
    client: AsyncClient, document: dict[str, Any], user: User, login: Login
) -> None:
    answer = await client.delete("/users/me/sessions/no-uuid", headers=await login(user))
    documented = document["components"]["schemas"]["ValidationError"]

    assert answer.status_code == 422
    assert answer.json()["detail"][0].keys() == documented["properties"].keys() == documented["examples"][0].keys()


async def test_clients_call_the_public_address_with_its_prefix(client_with: ClientWith) -> None:
    """A relative address would be of no use in Node, and wrong on a page of another site."""
    client = await client_with(public_url="https://example.com/api")

    assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "https://example.com/api"}]
