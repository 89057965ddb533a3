from datetime import UTC, datetime

from fastapi import FastAPI

from app.accounts import sessions
from app.core.database import Database
from app.core.tasks import task


@task(cron="17 * * * *")
async def flush_expired_sessions(app: FastAPI) -> None:
    database: Database = app.state.database
    async with database.session() as db:
        await sessions.flush(db, datetime.now(UTC))
        await db.commit()
