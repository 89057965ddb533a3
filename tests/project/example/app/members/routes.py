from fastapi import APIRouter, WebSocket, status

from app.accounts import Accounts, CurrentUser, OptionalUser, UserRead, UserRegister, requires
from app.core.web import public, raises
from app.members.schemas import Member, MemberLogin

router = APIRouter(prefix="/members", tags=["members"])


@router.post("/login")
@public
@raises(401, 429)
async def log_in_member(login: MemberLogin, accounts: Accounts) -> Member:
    user, token = await accounts.log_in(login.email, login.password)
    return Member(username=user.username, token=token.access_token)


@router.post("", status_code=status.HTTP_201_CREATED)
@public
@raises(403, 409, 429)
async def register_member(new: UserRegister, accounts: Accounts) -> Member:
    """Make an account and log in."""
    user = await accounts.register(new)
    token = await accounts.start_session(user.id)
    return Member(username=user.username, token=token.access_token)


@router.get("/me")
async def read_member(user: CurrentUser) -> UserRead:
    return UserRead.model_validate(user)


@router.get("/greeting")
async def greet(user: OptionalUser) -> str:
    return f"Hello, {user.username}!" if user else "Hello, stranger!"


@router.get("/motto")
@public
async def read_motto() -> str:
    return "Simple beats clever."


@router.delete("/motto", dependencies=[requires("accounts.change_user")])
async def drop_motto() -> None: ...


@router.websocket("/live")
async def live(websocket: WebSocket, user: CurrentUser) -> None:
    await websocket.accept()
    await websocket.send_text(user.username)
    await websocket.close()
