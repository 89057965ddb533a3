"""Static files, which browsers keep for a while."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from app.core.web.openapi import public

STATIC = Path(__file__).parents[1] / "static"
MAX_AGE = 300  # s: after a deployment, a page may look as before for so long


@public
class Files(StaticFiles):
    """The files of a folder. A browser keeps them for `max_age` seconds, then asks whether they have changed."""

    def __init__(self, directory: Path, max_age: int) -> None:
        super().__init__(directory=directory)
        self.cache_control = f"public, max-age={max_age}"

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = self.cache_control
        return response


def install_static_files(app: FastAPI) -> None:
    """Serve the files that the pages of all apps need, and those that browsers and crawlers request by themselves."""

    @app.get("/favicon.ico", include_in_schema=False)
    @public
    async def favicon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": f"public, max-age={MAX_AGE}"})

    @app.get("/robots.txt", include_in_schema=False)
    @public
    async def robots() -> FileResponse:
        return FileResponse(STATIC / "robots.txt")

    app.mount("/static", Files(STATIC, MAX_AGE), name="static")
