"""The front page: `/` describes the project and links to its parts, as a page for people and as JSON for programs."""

from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts

from app.core.settings import PROJECT, TITLE
from app.core.web.openapi import public
from app.core.web.pages.rendering import page, prefers_page
from app.settings import Settings


@dataclass(frozen=True)
class Link:
    """A link for the front page. Its path is relative, like all addresses on our pages."""

    name: str
    path: str
    title: str
    hint: str
    local: bool = False  # shown only if ENVIRONMENT is local


LINKS = (
    Link("docs", "docs", "Documentation", "all routes, to read and to try"),
    Link("openapi", "openapi.json", "OpenAPI document", "the same, for programs"),
    Link("admin", "admin", "Administration", "for staff"),
    Link("dev", "dev", "Development", "mails, and requests with their queries", local=True),
    Link("live", "health/live", "Liveness", "does the process run?", local=True),
    Link("ready", "health/ready", "Readiness", "can it reach all that it needs?", local=True),
    Link("metrics", "metrics", "Metrics", "for Prometheus", local=True),
)


def install_front_page(app: FastAPI) -> None:
    """Call it after all routes are there: it links to them. If an app has its own `/`, that route wins."""
    links = _served(app)
    about = {"version": PROJECT["version"], "description": PROJECT["description"]}
    summary = {"name": TITLE, **about, "links": {link.name: link.path for link in links}}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    @public
    async def index(request: Request) -> Response:
        vary = {"Vary": "Accept"}
        if prefers_page(request):
            return page(request, "core/index.html", headers=vary, **about, links=links)
        return JSONResponse(summary, headers=vary)


def _served(app: FastAPI) -> list[Link]:
    settings: Settings = app.state.settings
    paths = {getattr(route, "path", None) for route in iter_route_contexts(app.routes)}
    is_local = settings.environment == "local"
    return [link for link in LINKS if f"/{link.path}" in paths and (is_local or not link.local)]
