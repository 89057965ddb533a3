from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.accounts.authentication.schemas import OAuth2ErrorRead, RevocationForm, Token, TokenForm
from app.accounts.errors import InvalidCredentials, InvalidRefreshToken
from app.accounts.use_cases import Accounts, UseCases
from app.core.db import is_text
from app.core.web import ERROR_HEADERS, NEVER_SENT, OAuth2Error, Throttled, public

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OAuth2Route(APIRoute):
    """Answers a malformed request as RFC 6749, 5.2 requires, not as FastAPI does."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def oauth2_handler(request: Request) -> Response:
            try:
                _refuse_malformed(await request.form())
                return await handler(request)
            except (RequestValidationError, UnicodeError):
                raise _invalid_request("A parameter has the wrong form.") from None
            except HTTPException as error:
                if error.status_code == status.HTTP_400_BAD_REQUEST and not isinstance(error, OAuth2Error):
                    raise _invalid_request(str(error.detail)) from None
                raise

        return oauth2_handler


def _refuse_malformed(form: FormData) -> None:
    if len(form.multi_items()) != len(form):  # RFC 6749, 3.2: parameters must not be included more than once
        raise _invalid_request("A parameter is repeated.")
    if any(isinstance(value, str) and not is_text(value) for value in form.values()):
        raise _invalid_request("A parameter is not valid text.")


def _invalid_request(detail: str) -> OAuth2Error:
    return OAuth2Error("invalid_request", detail)


router = APIRouter(tags=["token"], route_class=OAuth2Route)


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors of RFC 6749, 5.2 instead of FastAPI's."""
    responses: dict[int | str, dict[str, Any]] = {422: NEVER_SENT}
    for code in codes:
        responses[code] = {"model": OAuth2ErrorRead, "headers": ERROR_HEADERS.get(code, {})}
    return responses


@router.post("/token", responses=refusals(400, 401, 429))
@public
async def token(form: Annotated[TokenForm, Form()], response: Response, accounts: Accounts) -> Token:
    """Log in with a username (or an e-mail address) and a password, or get new tokens with a refresh token.

    A refresh token works once. If a used one comes back, somebody has a copy: the session ends.
    """
    if form.scope:
        raise OAuth2Error("invalid_scope", "There are no scopes: leave scope empty.")
    if form.grant_type not in GRANTS:
        raise OAuth2Error("unsupported_grant_type", f"The grant type must be one of {', '.join(GRANTS)}.")
    response.headers["Cache-Control"] = "no-store"
    return await GRANTS[form.grant_type](form, accounts)


async def _password_grant(form: TokenForm, accounts: UseCases) -> Token:
    if not form.username or not form.password:
        raise _invalid_request("username and password are required.")
    try:
        return (await accounts.log_in(form.username, form.password)).token
    except (Throttled, InvalidCredentials) as error:
        # RFC 6749 has no 429. But clients such as Authlib take an answer without `error` for a token, and all of them
        # understand this code of 5.2 as a failed login.
        raise OAuth2Error("invalid_grant", error.detail, error.status_code, error.headers) from None


async def _refresh_grant(form: TokenForm, accounts: UseCases) -> Token:
    if not form.refresh_token:
        raise _invalid_request("refresh_token is required.")
    try:
        return await accounts.refresh(form.refresh_token)
    except InvalidRefreshToken as error:
        raise OAuth2Error("invalid_grant", error.detail) from None


GRANTS = {"password": _password_grant, "refresh_token": _refresh_grant}


@router.post("/token/revoke", responses=refusals(400))
@public
async def revoke(form: Annotated[RevocationForm, Form()], accounts: Accounts) -> None:
    """End the session of an access token or a refresh token (RFC 7009). An unknown token gets the same answer."""
    if not form.token:
        raise _invalid_request("token is required.")
    await accounts.revoke(form.token)
