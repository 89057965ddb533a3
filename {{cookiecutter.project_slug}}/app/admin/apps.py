from fastapi import FastAPI

from app.admin.application import Site


def ready(app: FastAPI) -> None:
    Site(app)
