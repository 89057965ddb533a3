"""Files that browsers get as they are, and keep for a while."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from app.core.web.openapi import public

STATIC = Path(__file__).parents[1] / "static"
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


def install_static_files(app: FastAPI) -> None:
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
