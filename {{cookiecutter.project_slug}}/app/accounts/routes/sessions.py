from uuid import UUID

from fastapi import APIRouter, status

from app.accounts.authentication.backends import CurrentUser
from app.accounts.authentication.schemas import SessionRead
from app.accounts.use_cases import Accounts
from app.core.web import raises

router = APIRouter(prefix="/users/me/sessions", tags=["me"])


@router.get("")
async def list_sessions(user: CurrentUser, accounts: Accounts) -> list[SessionRead]:
    """List the devices where you are logged in, the last used one first."""
    return [SessionRead.of(session, user.session_id) for session in await accounts.list_sessions(user.id)]


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
@raises(404)
async def end_session(session_id: UUID, user: CurrentUser, accounts: Accounts) -> None:
    """Log out one device."""
    await accounts.end_session(user.id, session_id)
