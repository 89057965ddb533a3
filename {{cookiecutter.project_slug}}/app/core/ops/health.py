"""Health probes for orchestrators and monitoring."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import State

from app.core.db import Database, DatabaseUnavailable
from app.core.web import public, raises

router = APIRouter(prefix="/health", tags=["health"])

DEADLINE = 1.0  # s


RedisState = Literal["ok", "away", "unused"]


class Readiness(BaseModel):
    status: Literal["ok"] = "ok"
    redis: RedisState


@dataclass(frozen=True)
class Health:
    fault: str
    """What is wrong with the database, or an empty text."""
    redis: RedisState


class Probe:
    """Asks the database whether it answers. One question is under way at most, however many clients ask."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._asking: asyncio.Task[str] | None = None

    async def fault(self) -> str:
        """Return what is wrong, or an empty text, within DEADLINE s."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait([self._asking], timeout=DEADLINE)
        return self._asking.result() if self._asking.done() else f"no answer within {DEADLINE:g} s"

    async def _ask(self) -> str:
        try:
            await self.database.fetch_one(select(1), {})
        except DBAPIError as error:
            return str(error.orig).partition("\n")[0]
        except (DatabaseUnavailable, PoolTimeoutError) as error:
            return str(error)
        return ""


async def health_of(state: State) -> Health:
    """Ask all services at once. Take the state of the application."""
    fault, redis = await asyncio.gather(state.probe.fault(), state.limiter.redis_state())
    return Health(fault, redis)


async def get_health(request: Request) -> Health:
    return await health_of(request.app.state)


def install_health(app: FastAPI) -> None:
    app.state.probe = Probe(app.state.database)
    app.include_router(router)


@router.head("/live", include_in_schema=False)  # some monitors use HEAD
@router.get("/live")
@public
async def live() -> dict[str, str]:
    """Tell that the process runs and its event loop turns. It checks nothing else."""
    return {"status": "ok"}


@router.head("/ready", include_in_schema=False)
@router.get("/ready")
@public
@raises(503)
async def ready(health: Annotated[Health, Depends(get_health)]) -> Readiness:
    """Tell within a second that the database answers. Without Redis the service goes on, so it is only named."""
    if health.fault:
        raise DatabaseUnavailable(health.fault)
    return Readiness(redis=health.redis)
