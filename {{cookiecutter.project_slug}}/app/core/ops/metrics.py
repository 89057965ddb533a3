"""`GET /metrics` for Prometheus. What is counted stands beside the code that it tells of."""

import os
from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

from app.core.web import admits
from app.settings import Settings

router = APIRouter()

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


@admits("callers with METRICS_TOKEN")
def require_metrics_token(request: Request, credentials: Bearer) -> None:
    """An address proves nothing: behind a proxy on the same machine, everybody is local."""
    settings: Settings = request.app.state.settings
    wanted = settings.metrics_token.get_secret_value() if settings.metrics_token else ""
    if not wanted and settings.environment == "local":
        return
    given = credentials.credentials if credentials else ""
    if not wanted or not compare_digest(given.encode(), wanted.encode()):
        raise HTTPException(401, "The token of the metrics is missing or wrong.", {"WWW-Authenticate": "Bearer"})


@router.get("/metrics", dependencies=[Depends(require_metrics_token)], include_in_schema=False)
def metrics() -> Response:
    return Response(generate_latest(counted()), media_type=CONTENT_TYPE_LATEST)


def counted() -> CollectorRegistry:
    """Return what this process has counted, or what all processes have that share PROMETHEUS_MULTIPROC_DIR."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # of the library
    return registry


def forget_process() -> None:
    """Count nothing more that is under way in this process, which ends."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call] # of the library


def install_metrics(app: FastAPI) -> None:
    app.include_router(router)
