from fastapi import FastAPI

from app.settings import Settings


def ready(app: FastAPI) -> None:
    settings: Settings = app.state.settings
    if settings.environment == "local":
        from app.dev.install import install  # elsewhere, nothing of it is loaded

        install(app)
