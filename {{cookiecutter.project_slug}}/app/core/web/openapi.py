"""The OpenAPI document. It tells how each route can fail, which FastAPI cannot know by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.routing import Route

from app.core.db import get_session

Marked = TypeVar("Marked", bound=Callable[..., Any])

MARK = "_raises"
ADMITS = "admits"
EVERYBODY = "everybody"

ERRORS_IN_GENERAL = """
### Errors

Each error is JSON with a text as its `detail`. If the input is invalid (422), `detail` is a list with the `type`, `loc`
(where) and `msg` of each fault. The log has the answer's `X-Request-ID`.
"""

# For each status: what it means, and an example of its `detail`.
ERRORS = {
    400: ("The server cannot use the request.", "There was an error parsing the body"),
    401: ("The access token is missing or not valid.", "Not authenticated"),
    403: ("A permission is missing.", "You lack the permission accounts.view_user"),
    404: ("It does not exist.", "Not Found"),
    409: ("It conflicts with what exists.", "Another user has this username"),
    413: ("The body is too large.", "Content Too Large"),
    429: ("Too many requests.", "Too many requests. Try again later."),
    503: ("The server is busy, or a service that it needs is away.", "The server is busy. Try again later."),
}

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "RFC 6750, 3.", "schema": {"type": "string"}}}
ERROR_HEADERS: dict[int, dict[str, Any]] = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}

REFERENCE = "#/components/schemas/{model}"
INVALID = "HTTPValidationError"  # what FastAPI documents with 422

# Answers of every route that takes a body, if it cannot be read.
BODY_ERRORS = {400, 413}

# One fault, as `app.core.web.errors` answers it with 422. FastAPI would document more keys.
FAULT = {"type": "missing", "loc": ["body", "email"], "msg": "Field required"}

# For a route's `responses`: a status that FastAPI would document, but that the route never answers.
NEVER_SENT = {"description": "Never sent."}

HEALTH = {"name": "health", "description": "For orchestrators and monitoring."}


class ErrorRead(BaseModel):
    detail: str = Field(description="What is wrong.")


@dataclass(frozen=True)
class ErrorFormat:
    """The form of an error for programs. An app can set another one in its `ready(app)`:

    app.state.error_format = ErrorFormat(Problem, problem, "application/problem+json")      # RFC 9457
    """

    model: type[BaseModel]
    """Its schema in the OpenAPI document."""
    make: Callable[[int, Any], dict[str, Any]]
    """It takes the status and the `detail`: a text, or for 422 a list of faults with `type`, `loc` and `msg`."""
    media_type: str = "application/json"


DETAIL = ErrorFormat(ErrorRead, lambda code, detail: {"detail": detail})


def format_of(app: Starlette) -> ErrorFormat:
    error_format: ErrorFormat = getattr(app.state, "error_format", DETAIL)
    return error_format


def raises(*codes: int) -> Callable[[Marked], Marked]:
    """Declare the error statuses of a route or a dependency. Write `@raises(404)` below the route's own decorator.
    A route also has the statuses of its dependencies.
    """

    def mark(function: Marked) -> Marked:
        setattr(function, MARK, codes)
        return function

    return mark


raises(503)(get_session)  # here, because `app.core.db` knows nothing of HTTP


def admits(whom: str) -> Callable[[Marked], Marked]:
    """Declare who passes a dependency or may use a mounted application. `manage.py routes` shows it."""

    def mark(function: Marked) -> Marked:
        setattr(function, ADMITS, whom)
        return function

    return mark


def public(route: Marked) -> Marked:
    """Declare that everybody may call a route or a mounted application. Write it below the route's own decorator."""
    return admits(EVERYBODY)(route)


def operation_id(route: APIRoute) -> str:
    """Return the function's name: generated clients use it for their methods. It must be unique."""
    return route.name


def install_openapi(app: FastAPI) -> None:
    """Call it last, after all routes are there and all apps have added to `app.description` and `app.openapi_tags`."""
    app.description += "\n" + ERRORS_IN_GENERAL
    app.openapi_tags = [*(app.openapi_tags or []), HEALTH]
    for route in app.routes:
        if isinstance(route, Route) and route.path == app.openapi_url:
            public(route.endpoint)
    generate = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        return _completed(generate(), app)

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _completed(document: dict[str, Any], app: FastAPI) -> dict[str, Any]:
    error_format = format_of(app)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    model = error_format.model.model_json_schema(ref_template=REFERENCE, mode="serialization")
    schemas |= {**model.pop("$defs", {}), error_format.model.__name__: model}
    if fault := schemas.get("ValidationError"):
        fault["properties"] = {name: fault["properties"][name] for name in FAULT}
        fault["examples"] = [FAULT]
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                raised = _raised(route.dependant) | (BODY_ERRORS if "requestBody" in operation else set())
                operation["responses"] = _responses(operation["responses"], raised, error_format)
                if permissions := sorted(permissions_of(route.dependant)):
                    operation["x-permissions"] = permissions
                    needed = f"Needs the permission `{'` and `'.join(permissions)}`."
                    operation["description"] = "\n\n".join([*filter(None, [operation.get("description")]), needed])
    return document


def _responses(known: dict[str, Any], raised: set[int], error_format: ErrorFormat) -> dict[str, Any]:
    """Add the errors to the route's own responses, and remove the statuses that never come. Remove titles too: FastAPI
    makes one for each path and method, and client generators would make a class of each.
    """
    for response in known.values():
        for content in response.get("content", {}).values():
            content.get("schema", {}).pop("title", None)
    if error_format is not DETAIL and INVALID in str(known.get("422")):
        known = known | {"422": _error(422, error_format)}
    responses = {str(code): _error(code, error_format) for code in raised} | known
    return {code: responses[code] for code in sorted(responses) if responses[code] != NEVER_SENT}


def _raised(dependant: Dependant) -> set[int]:
    own = getattr(dependant.call, MARK, ())
    return {*own, *(code for inner in dependant.dependencies for code in _raised(inner))}


def permissions_of(dependant: Dependant) -> set[str]:
    """Return the permissions that the dependencies need: they have an attribute `permission`."""
    own = getattr(dependant.call, "permission", None)
    return {*filter(None, [own]), *(name for inner in dependant.dependencies for name in permissions_of(inner))}


def _error(code: int, error_format: ErrorFormat) -> dict[str, Any]:
    phrase = HTTPStatus(code).phrase
    description, detail = ERRORS.get(code, (phrase, phrase))
    schema = {"$ref": REFERENCE.format(model=error_format.model.__name__)}
    content = {error_format.media_type: {"schema": schema, "example": error_format.make(code, detail)}}
    return {"description": description, "headers": ERROR_HEADERS.get(code, {}), "content": content}
