"""Pages behind the links in mails, for projects without their own front end.

Opening a link changes nothing, because mail scanners open links. Only the button on the page changes something.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, status
from fastapi.responses import HTMLResponse

from app.accounts.authentication.passwords.pool import InvalidPassword
from app.accounts.errors import InvalidLink, Taken
from app.accounts.use_cases import Accounts
from app.core.db import Text
from app.core.web import EmailAddress, page, public

router = APIRouter(prefix="/account", include_in_schema=False)

TextField = Annotated[Text, Form()]


@router.get("/verify-email")
@public
async def ask_to_verify_email(request: Request, accounts: Accounts, token: Text = "") -> HTMLResponse:
    try:
        await accounts.check_email_link(token)
    except InvalidLink:
        return _invalid_link(request)
    return page(request, "accounts/verify_email.html", token=token)


@router.post("/verify-email")
@public
async def verify_email(request: Request, accounts: Accounts, token: TextField) -> HTMLResponse:
    try:
        email = await accounts.confirm_email(token)
    except InvalidLink:
        return _invalid_link(request)
    except Taken:
        return page(request, "accounts/email_taken.html", status_code=status.HTTP_409_CONFLICT)
    return page(request, "accounts/email_verified.html", email=email)


@router.get("/forgot-password")
@public
async def ask_for_email(request: Request) -> HTMLResponse:
    return page(request, "accounts/forgot_password.html")


@router.post("/forgot-password")
@public
async def mail_password_reset(
    request: Request, accounts: Accounts, email: Annotated[EmailAddress, Form()]
) -> HTMLResponse:
    await accounts.request_password_reset(email)
    return page(request, "accounts/password_reset_mailed.html", email=email)


@router.get("/reset-password")
@public
async def ask_for_new_password(request: Request, accounts: Accounts, token: Text = "") -> HTMLResponse:
    try:
        await accounts.check_reset_link(token)
    except InvalidLink:
        return _invalid_link(request)
    return page(request, "accounts/reset_password.html", token=token, faults=[])


@router.post("/reset-password")
@public
async def set_new_password(
    request: Request, accounts: Accounts, token: TextField, new_password: TextField, repeated: TextField
) -> HTMLResponse:
    if new_password != repeated:
        return _ask_again(request, token, ["The two passwords differ."])
    try:
        await accounts.reset_password(token, new_password)
    except InvalidPassword as error:
        return _ask_again(request, token, [fault.message for fault in error.faults])
    except InvalidLink:
        return _invalid_link(request)
    return page(request, "accounts/password_was_reset.html")


def _invalid_link(request: Request) -> HTMLResponse:
    return page(request, "accounts/invalid_link.html", status_code=status.HTTP_400_BAD_REQUEST)


def _ask_again(request: Request, token: str, faults: list[str]) -> HTMLResponse:
    code = status.HTTP_422_UNPROCESSABLE_CONTENT
    return page(request, "accounts/reset_password.html", status_code=code, token=token, faults=faults)
