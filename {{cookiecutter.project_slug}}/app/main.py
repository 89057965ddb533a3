"""The application: `uvicorn app.main:app`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain

from fastapi import FastAPI

from app.core import registry
from app.core.db import Database
from app.core.logging import configure_logging
from app.core.mail import make_mailer
from app.core.ops import forget_process, install_health, install_metrics
from app.core.registry import StartError
from app.core.settings import PROJECT, TITLE, SettingsError
from app.core.tasks import make_task_queue
from app.core.web import (
    Application,
    Limiter,
    install_docs,
    install_error_handlers,
    install_front_page,
    install_openapi,
    install_static_files,
    operation_id,
)
from app.settings import Settings, get_settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.tasks.start()
    try:
        yield
    finally:  # also after a failed command
        await app.state.tasks.stop()
        await app.state.database.dispose()
        await app.state.limiter.close()
        forget_process()


def create_app(settings: Settings) -> FastAPI:
    """Make an application with its own connections. It opens nothing before the first request.

    Raises StartError, or SettingsError if an app finds settings that contradict each other.
    """
    app = Application(
        settings,
        title=TITLE,
        version=PROJECT["version"],
        description=PROJECT["description"],
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        servers=[{"url": settings.public_url}],  # absolute: generated clients run anywhere
        root_path_in_servers=False,
    )
    app.state.database = Database(
        settings.database_url,
        timeout=settings.database_timeout,
        statement_timeout=settings.database_statement_timeout,
    )
    app.state.limiter = Limiter(settings.redis_url)
    app.state.mailer = make_mailer(settings)
    install_error_handlers(app)
    install_health(app)
    if settings.metrics_enabled:
        install_metrics(app)
    registry.load_models()
    app.state.tasks = make_task_queue(app, chain(registry.core_modules("tasks"), registry.modules("tasks")))
    for ready in registry.hooks("ready"):
        ready(app)
    for module in registry.modules("routes"):
        app.include_router(module.router)
    install_static_files(app)
    install_openapi(app)
    if settings.docs_enabled:
        install_docs(app)
    install_front_page(app)
    return app


def _served() -> FastAPI:
    try:
        settings = get_settings()
        configure_logging(settings)
        return create_app(settings)
    except (SettingsError, StartError) as error:
        sys.exit(str(error))


app = _served()
