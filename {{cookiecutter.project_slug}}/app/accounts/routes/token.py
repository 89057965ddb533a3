from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Form, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.accounts import services
from app.accounts.models import User
from app.accounts.schemas import OAuth2ErrorRead, Token, TokenForm
from app.accounts.tokens import TokenPolicy, create_access_token
from app.core.database import Db
from app.core.errors import OAuth2Error

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OAuth2Route(APIRoute):
    """Turns FastAPI's answers to a malformed request into the one that RFC 6749, 5.2 asks for."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def oauth2_handler(request: Request) -> Response:
            try:
                _refuse_repeated(await request.form())
                return await handler(request)
            except RequestValidationError:
                raise _invalid_request("A parameter has the wrong form.") from None
            except HTTPException as error:
                if error.status_code == status.HTTP_400_BAD_REQUEST and not isinstance(error, OAuth2Error):
                    raise _invalid_request(str(error.detail)) from None
                raise

        return oauth2_handler


def _refuse_repeated(form: FormData) -> None:
    """RFC 6749, 3.2: parameters must not be included more than once."""
    if len(form.multi_items()) != len(form):
        raise _invalid_request("A parameter is repeated.")


def _invalid_request(detail: str) -> OAuth2Error:
    return OAuth2Error("invalid_request", detail)


router = APIRouter(tags=["token"], route_class=OAuth2Route)


@router.post("/token", responses={400: {"model": OAuth2ErrorRead}, 401: {"model": OAuth2ErrorRead}})
async def login(form: Annotated[TokenForm, Form()], request: Request, response: Response, db: Db) -> Token:
    """Give an access token for a username (or an e-mail address) and a password."""
    if form.grant_type != "password":
        raise OAuth2Error("unsupported_grant_type", "The grant type must be password.")
    if form.scope:
        raise OAuth2Error("invalid_scope", "No scopes exist here: leave scope empty.")
    user = await _authenticated(form, request, db)
    response.headers["Cache-Control"] = "no-store"
    return _token(user, request.app.state.token_policy)


async def _authenticated(form: TokenForm, request: Request, db: Db) -> User:
    if not form.username or not form.password:
        raise _invalid_request("username and password are required.")
    if "\0" in form.username + form.password:
        raise _invalid_request("NUL characters are not allowed.")
    hasher = request.app.state.password_hasher
    try:
        return await services.authenticate(db, hasher, form.username, form.password, datetime.now(UTC))
    except services.InvalidCredentials:
        raise OAuth2Error(
            "invalid_grant",
            "Incorrect username or password",
            status.HTTP_401_UNAUTHORIZED,
            {"WWW-Authenticate": "Bearer"},
        ) from None


def _token(user: User, policy: TokenPolicy) -> Token:
    access_token = create_access_token(user.id, uuid4(), policy, datetime.now(UTC))
    return Token(access_token=access_token, expires_in=int(policy.lifetime.total_seconds()))
