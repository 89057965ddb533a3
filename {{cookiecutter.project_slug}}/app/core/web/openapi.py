"""The OpenAPI document: in it, each route says how it can fail, which FastAPI cannot know by itself."""

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

Each is JSON with a text as its `detail`. Only where what was sent is invalid (422), `detail` is a list, with `type`,
`loc` (where) and `msg` of each fault. The answer's `X-Request-ID` finds it in the log.
"""

# What an error means, and a `detail` that comes with it.
ERRORS = {
    400: ("What was sent is of no use.", "There was an error parsing the body"),
    401: ("No access token was sent, or one that is not valid.", "Not authenticated"),
    403: ("A permission is missing.", "You lack the permission accounts.view_user"),
    404: ("There is no such thing.", "Not Found"),
    409: ("It does not go together with what is there.", "Another user has this username"),
    413: ("The body is too large.", "Content Too Large"),
    429: ("Too many requests.", "Too many requests. Try again later."),
    503: ("The server is busy, or a service that it needs is away.", "The server is busy. Try again later."),
}

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "RFC 6750, 3.", "schema": {"type": "string"}}}
ERROR_HEADERS: dict[int, dict[str, Any]] = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}

REFERENCE = "#/components/schemas/{model}"
INVALID = "HTTPValidationError"  # what FastAPI documents with 422

# What any route with a body answers where that cannot be read.
BODY_ERRORS = {400, 413}

# One item of what `app.core.web.errors` answers with 422; FastAPI would document more than that leaves in.
FAULT = {"type": "missing", "loc": ["body", "email"], "msg": "Field required"}

# Among a route's `responses`, for a status that FastAPI would document and that never comes.
NEVER_SENT = {"description": "Never sent."}

HEALTH = {"name": "health", "description": "What an orchestrator asks."}


class ErrorRead(BaseModel):
    detail: str = Field(description="What is wrong.")


@dataclass(frozen=True)
class ErrorFormat:
    """How programs are told of an error. An app sets another one in its `ready(app)`, as in

    app.state.error_format = ErrorFormat(Problem, problem, "application/problem+json")      # RFC 9457
    """

    model: type[BaseModel]
    """What the OpenAPI document says of it."""
    make: Callable[[int, Any], dict[str, Any]]
    """Takes the status and the `detail`: a text, or with 422 a list of faults, each with `type`, `loc` and `msg`."""
    media_type: str = "application/json"


DETAIL = ErrorFormat(ErrorRead, lambda code, detail: {"detail": detail})


def format_of(app: Starlette) -> ErrorFormat:
    error_format: ErrorFormat = getattr(app.state, "error_format", DETAIL)
    return error_format


def raises(*codes: int) -> Callable[[Marked], Marked]:
    """Name the statuses of errors that a route, or a dependency, can answer with. Say `@raises(404)` below the route's
    own decorator; what a dependency says, each route that depends on it says as well.
    """

    def mark(function: Marked) -> Marked:
        setattr(function, MARK, codes)
        return function

    return mark


raises(503)(get_session)  # said here, since the database's room knows nothing of answers


def admits(whom: str) -> Callable[[Marked], Marked]:
    """Name whom a dependency or a mounted application lets pass, for `manage.py routes`."""

    def mark(function: Marked) -> Marked:
        setattr(function, ADMITS, whom)
        return function

    return mark


def public(route: Marked) -> Marked:
    """Say below a route's own decorator, or of a mounted application, that it asks nobody who they are."""
    return admits(EVERYBODY)(route)


def operation_id(route: APIRoute) -> str:
    """The function's name, since generated clients call their methods so; no two may share one."""
    return route.name


def install_openapi(app: FastAPI) -> None:
    """Last of all: the routes must be there, and what apps add to `app.description` and `app.openapi_tags`."""
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
                if permissions := sorted(_permissions(route.dependant)):
                    operation["x-permissions"] = permissions
                    needed = f"Needs the permission `{'` and `'.join(permissions)}`."
                    operation["description"] = "\n\n".join([*filter(None, [operation.get("description")]), needed])
    return document


def _responses(known: dict[str, Any], raised: set[int], error_format: ErrorFormat) -> dict[str, Any]:
    """What the route documents by itself stays, but for what never comes, and for titles: FastAPI makes them of path
    and method, and generators a class of each.
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


def _permissions(dependant: Dependant) -> set[str]:
    """Return what the dependencies ask for by their attribute `permission`."""
    own = getattr(dependant.call, "permission", None)
    return {*filter(None, [own]), *(name for inner in dependant.dependencies for name in _permissions(inner))}


def _error(code: int, error_format: ErrorFormat) -> dict[str, Any]:
    phrase = HTTPStatus(code).phrase
    description, detail = ERRORS.get(code, (phrase, phrase))
    schema = {"$ref": REFERENCE.format(model=error_format.model.__name__)}
    content = {error_format.media_type: {"schema": schema, "example": error_format.make(code, detail)}}
    return {"description": description, "headers": ERROR_HEADERS.get(code, {}), "content": content}
