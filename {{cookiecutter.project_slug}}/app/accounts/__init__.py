"""Users, groups and permissions. Other apps import only from here, not from the modules inside.

@router.get("/cheap")
async def cheap(token: AccessToken): ...        # the claims of the token, without the database

@router.get("/exact")
async def exact(user: CurrentUser): ...         # the user, read from the database

@router.get("/open")
async def open_to_all(user: OptionalUser): ...  # None for a caller who sends no token

@router.get("/posts", dependencies=[requires("blog.view_post")])
async def read_posts(): ...                     # 403 for a user without the permission

@router.post("/members")
async def join(new: UserRegister, accounts: Accounts): ...   # `accounts.register(new)` and all other use cases
"""

from app.accounts.authentication.backends import AuthenticationBackend, CurrentUser, OptionalUser
from app.accounts.authentication.bearer import AccessToken, JWTAuthentication, JWTBearer, credentials
from app.accounts.authentication.current_user import AuthenticatedUser, find_caller
from app.accounts.authentication.passwords.pool import InvalidPassword
from app.accounts.authentication.passwords.validators import Fault, Names
from app.accounts.authentication.schemas import Token
from app.accounts.authentication.tokens.signing import InvalidToken
from app.accounts.errors import (
    AccountsError,
    InvalidCredentials,
    InvalidRefreshToken,
    NotAllowed,
    NotFound,
    Taken,
    WrongPassword,
)
from app.accounts.models import Group, User
from app.accounts.permissions.required import requires
from app.accounts.use_cases import Accounts, UseCases, open_accounts
from app.accounts.users.schemas import ProfileUpdate, UserRead, UserRegister

__all__ = [
    "AccessToken",
    "Accounts",
    "AccountsError",
    "AuthenticatedUser",
    "AuthenticationBackend",
    "CurrentUser",
    "Fault",
    "Group",
    "InvalidCredentials",
    "InvalidPassword",
    "InvalidRefreshToken",
    "InvalidToken",
    "JWTAuthentication",
    "JWTBearer",
    "Names",
    "NotAllowed",
    "NotFound",
    "OptionalUser",
    "ProfileUpdate",
    "Taken",
    "Token",
    "UseCases",
    "User",
    "UserRead",
    "UserRegister",
    "WrongPassword",
    "credentials",
    "find_caller",
    "open_accounts",
    "requires",
]
