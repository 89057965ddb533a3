from typing import Annotated

from fastapi import APIRouter, Body, status

from app.accounts import Accounts, CurrentUser, UserRegister
from app.core.web import public, raises
from app.members.schemas import MemberAnswer, MemberLogin, MemberUpdate
from app.members.tokens import SentToken

router = APIRouter(prefix="/api", tags=["members"])

IN_USER = Body(embed=True, alias="user")


@router.post("/users", status_code=status.HTTP_201_CREATED)
@public
@raises(403, 409, 429)
async def register_member(new: Annotated[UserRegister, IN_USER], accounts: Accounts) -> MemberAnswer:
    """Make an account and log in."""
    user = await accounts.register(new)
    token = await accounts.start_session(user.id)
    return MemberAnswer.of(user, token.access_token)


@router.post("/users/login")
@public
@raises(401, 429)
async def log_in_member(login: Annotated[MemberLogin, IN_USER], accounts: Accounts) -> MemberAnswer:
    user, token = await accounts.log_in(login.email, login.password)
    return MemberAnswer.of(user, token.access_token)


@router.get("/user")
async def read_member(user: CurrentUser, token: SentToken) -> MemberAnswer:
    return MemberAnswer.of(user, token)


@router.put("/user")
@raises(400, 409, 429)
async def update_member(
    user: CurrentUser, changes: Annotated[MemberUpdate, IN_USER], accounts: Accounts, token: SentToken
) -> MemberAnswer:
    """Change your profile. A new address takes effect after you confirm it with the link in a mail."""
    profile = changes.profile_of(user)
    if changes.password:
        current = changes.current_password or ""
        await accounts.change_password(user.id, current, changes.password, keep=user.session_id)
    return MemberAnswer.of(await accounts.update_profile(user.id, profile), token)
