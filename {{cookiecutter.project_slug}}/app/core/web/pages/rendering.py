"""Answers with a page that is made of a template."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.core.web.pages.negotiation import prefers_html
from app.core.web.pages.templating import render


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
