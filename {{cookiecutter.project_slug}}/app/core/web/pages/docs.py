"""Swagger UI at `/docs`, from our own files: it needs no internet access and no exception in the security policy."""

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app.core.web.openapi import public
from app.core.web.pages.files import Files
from app.core.web.pages.rendering import page

PACKAGE = "fastapi_offline"
ASSETS = Path(str(files(PACKAGE))) / "static"
MAX_AGE = 30 * 24 * 3600  # s: long, because the URLs carry the package's version and the largest file has 1.5 MB


def install_docs(app: FastAPI) -> None:
    assets_version = version(PACKAGE)

    @app.get("/docs", include_in_schema=False)
    @public
    async def docs(request: Request) -> HTMLResponse:
        return page(request, "core/docs.html", version=assets_version)

    app.mount("/docs/assets", Files(ASSETS, MAX_AGE), name="docs-assets")
