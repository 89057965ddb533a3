from fastapi import FastAPI

from app.admin.application import Site

EXTENSIONS = ("admin",)
"""Modules that other apps bring for this one."""


def ready(app: FastAPI) -> None:
    Site(app)
