"""Answers with a page made from a template."""

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
    """Answer with a template, for example `accounts/reset_password.html`. It extends `core/base.html`.

    In the template, `root` is the relative path to the top of the application. No cache keeps the answer: it is for one
    reader.
    """
    html = render(template, root=root(request), **values)
    return HTMLResponse(html, status_code, {"Cache-Control": "no-store", **(headers or {})})


def prefers_page(request: Request) -> bool:
    """Tell whether the client prefers a page to JSON. Send `Vary: Accept` with an answer that depends on this."""
    return prefers_html(",".join(request.headers.getlist("Accept")))


def root(request: Request) -> str:
    """Return `./`, `../` and so on. It is relative, so it is right behind a proxy that serves us under a prefix.

    It counts the slashes of the path as the browser does: `%2F` is not one.
    """
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * (path.count(b"/") - request.base_url.path.count("/")) or "./"
