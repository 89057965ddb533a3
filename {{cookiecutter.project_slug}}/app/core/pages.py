"""Pages for people: what makes one of a template, and the files that all of them share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from app.core.negotiation import prefers_html
from app.core.openapi import public
from app.core.templating import render

STATIC = Path(__file__).parent / "static"
MAX_AGE = 300  # s: how long after a deployment a page may look as before


@public
class Files(StaticFiles):
    """A folder's files, which a browser keeps for `max_age` seconds; then it asks whether they are still the same."""

    def __init__(self, directory: Path, max_age: int) -> None:
        super().__init__(directory=directory)
        self.cache_control = f"public, max-age={max_age}"

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = self.cache_control
        return response


def install_pages(app: FastAPI) -> None:
    """Serve what the pages of all apps need, and what browsers and crawlers ask for unbidden."""

    @app.get("/favicon.ico", include_in_schema=False)
    @public
    async def favicon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": f"public, max-age={MAX_AGE}"})

    @app.get("/robots.txt", include_in_schema=False)
    @public
    async def robots() -> FileResponse:
        return FileResponse(STATIC / "robots.txt")

    app.mount("/static", Files(STATIC, MAX_AGE), name="static")


def page(
    request: Request,
    template: str,
    /,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Answer with a template such as `accounts/reset_password.html`, which extends `core/base.html`.

    `root` leads from the page to the top of the application. No cache keeps the answer: it is for one reader.
    """
    html = render(template, root=root(request), **values)
    return HTMLResponse(html, status_code, {"Cache-Control": "no-store", **(headers or {})})


def prefers_page(request: Request) -> bool:
    """Tell whether JSON would please the client less. An answer that depends on it says `Vary: Accept`."""
    return prefers_html(",".join(request.headers.getlist("Accept")))


def root(request: Request) -> str:
    """Return `./`, `../` and so on: relative, so that it holds behind a proxy that serves us under a prefix.

    It counts the path's slashes as the browser does, which takes `%2F` for none.
    """
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * (path.count(b"/") - request.base_url.path.count("/")) or "./"
