"""Login at the admin site: only for staff, and only while their session is live in the database."""

import hashlib
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from uuid import UUID

from itsdangerous import BadSignature, Signer
from sqladmin.authentication import AuthenticationBackend
from starlette import status
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from typing_extensions import override

from app.accounts import AuthenticatedUser, InvalidCredentials, NotFound, open_accounts
from app.core.db import is_text
from app.core.settings import PROJECT
from app.core.web import Throttled, page
from app.settings import Settings

COOKIE = f"{PROJECT['name']}_admin_session"  # browsers send cookies to all ports of a host: other projects have others
REFUSAL = "Incorrect username or password"


class StaffAuthentication(AuthenticationBackend):
    """The cookie has a session's id and a signature. Somebody who reads the table gets ids but cannot sign them."""

    def __init__(self, settings: Settings) -> None:
        self.middlewares = []  # sqladmin's would store a dictionary in the cookie, and it has only one key
        keys = (*reversed(settings.secret_key_fallbacks), settings.secret_key)  # the last one signs
        self._signer = Signer(
            [key.get_secret_value() for key in keys],
            salt="app.admin.admin_session",  # signatures with these keys for other purposes are not valid here
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        self._secure = settings.environment == "production"

    @override
    async def authenticate(self, request: Request) -> Response | bool:
        user = await self._user(request)
        if user is None:
            return _to_login(request)
        request.state.user = user
        return True

    async def _user(self, request: Request) -> AuthenticatedUser | None:
        session_id = self._session_id(request)
        if session_id is None:
            return None
        async with open_accounts(request.app) as accounts:
            return await accounts.get_staff_user(session_id)

    @override
    async def get_user_id(self, request: Request) -> UUID:
        user_id: UUID = request.state.user.id
        return user_id

    def _session_id(self, request: Request) -> UUID | None:
        try:
            return UUID(hex=self._signer.unsign(request.cookies.get(COOKIE, "")).decode())
        except (BadSignature, ValueError):
            return None

    @override
    async def login(self, request: Request) -> Response:
        """Show the reason of a refusal on the form. It reveals no more than the API does."""
        async with request.form() as form:
            name, password, following = (_text(form, field) for field in ("username", "password", "next"))
        try:
            async with open_accounts(request.app, request) as accounts:
                session_id = await accounts.log_in_staff(name, password)
        except InvalidCredentials:
            return login_page(request, following, HTTPException(status.HTTP_400_BAD_REQUEST, REFUSAL))
        except Throttled as error:
            return login_page(request, following, error)
        if previous := await self._user(request):
            await _end_session(request, previous)  # its cookie is replaced, so nobody could use it
        response = RedirectResponse(_local(request, following), status.HTTP_303_SEE_OTHER)
        response.set_cookie(COOKIE, self._signer.sign(session_id.hex).decode(), **self._attributes(request))
        return response

    @override
    async def logout(self, request: Request) -> Response:
        if await self.authenticate(request) is True:
            await _end_session(request, request.state.user)
        response = RedirectResponse(request.url_for("admin:login"), status.HTTP_303_SEE_OTHER)
        response.delete_cookie(COOKIE, **self._attributes(request))
        return response

    def _attributes(self, request: Request) -> dict[str, Any]:
        """Return the attributes of the cookie."""
        return {"path": request.scope["root_path"], "secure": self._secure, "httponly": True, "samesite": "lax"}


async def _end_session(request: Request, user: AuthenticatedUser) -> None:
    assert user.session_id  # a browser always has one
    async with open_accounts(request.app) as accounts:
        with suppress(NotFound):  # another request has ended it
            await accounts.end_session(user.id, user.session_id)


def login_page(request: Request, following: str = "", refusal: HTTPException | None = None) -> Response:
    return page(
        request,
        "admin/login.html",
        status_code=refusal.status_code if refusal else status.HTTP_200_OK,
        headers=refusal.headers if refusal else None,
        refusal=refusal and refusal.detail,
        following=following,
    )


def _to_login(request: Request) -> Response:
    """After the login, a GET continues with its page. The data of other requests is lost."""
    if request.method == "DELETE":  # from a script: it would take a redirect for success, but it shows plain text
        return PlainTextResponse("Your session has ended. Load the page again to log in.", status.HTTP_403_FORBIDDEN)
    url = request.url_for("admin:login")
    if request.method == "GET":
        here = request.url
        url = url.replace(query=urlencode({"next": f"{here.path}?{here.query}" if here.query else here.path}))
    return RedirectResponse(url, status.HTTP_303_SEE_OTHER)


def _local(request: Request, following: str) -> str:
    """Return the address if it is a page of this site, else the front page: a link must not lead to another site."""
    home = request.url_for("admin:index").path
    steps = unquote(urlsplit(following).path).split("/")  # browsers take %2e%2e for .., too
    return following if following.startswith(home) and ".." not in steps else home


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not is_text(value):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "Files and NUL characters are not allowed.")
    return str(value)
