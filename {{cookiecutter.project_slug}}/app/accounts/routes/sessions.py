from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, HTTPException, status

from app.accounts import sessions
from app.accounts.auth import CurrentUser
from app.accounts.schemas import SessionRead
from app.core.database import Db
from app.core.openapi import raises

router = APIRouter(prefix="/users/me/sessions", tags=["me"])


@router.get("")
async def list_sessions(user: CurrentUser, db: Db) -> list[SessionRead]:
    """List the devices that are logged in, the one used last first."""
    live = [SessionRead.model_validate(session) for session in await sessions.live(db, user.id, datetime.now(UTC))]
    return [session.model_copy(update={"current": session.id == user.session_id}) for session in live]


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
@raises(404)
async def end_session(session_id: UUID, user: CurrentUser, db: Db) -> None:
    """Log one of them out."""
    if not await sessions.end(db, session_id, user.id, datetime.now(UTC)):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "You have no such session")
    await db.commit()
