"""Who forgot the password gets a link by mail: over the API, or on pages of our own."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, status
from fastapi.responses import HTMLResponse

from app.accounts import confirmations
from app.accounts.confirmations import InvalidLink
from app.accounts.dependencies import Mails, PasswordRules
from app.accounts.errors import invalid_link_page
from app.accounts.hashing import InvalidPassword
from app.accounts.schemas import PasswordReset, PasswordResetRequest
from app.accounts.tasks import send_password_reset
from app.core.database import Db
from app.core.openapi import raises
from app.core.pages import page
from app.core.schemas import EmailAddress, Text
from app.core.tasks import Tasks

router = APIRouter(tags=["e-mail and password"])


@router.post("/password-reset", status_code=status.HTTP_202_ACCEPTED)
async def request_password_reset(reset: PasswordResetRequest, mails: Mails, tasks: Tasks) -> None:
    """Mail a link to set a new password. The answer is the same, and as quick, where nobody has the address."""
    await mails.count(reset.email)
    await tasks.send(send_password_reset, reset.email)


@router.post("/password-reset/confirm", status_code=status.HTTP_204_NO_CONTENT)
@raises(400)
async def reset_password(
    reset: PasswordReset, request: Request, db: Db, tasks: Tasks, passwords: PasswordRules
) -> None:
    """Set a new password with the token of the link; every device is logged out."""
    tokens = request.app.state.password_reset_tokens
    await confirmations.reset_password(db, tasks, passwords, tokens, reset.token, reset.new_password)


@router.get("/account/forgot-password", include_in_schema=False)
async def ask_for_email(request: Request) -> HTMLResponse:
    return page(request, "accounts/forgot_password.html")


@router.post("/account/forgot-password", include_in_schema=False)
async def mail_password_reset(
    request: Request, email: Annotated[EmailAddress, Form()], mails: Mails, tasks: Tasks
) -> HTMLResponse:
    await request_password_reset(PasswordResetRequest(email=email), mails, tasks)
    return page(request, "accounts/password_reset_mailed.html", email=email)


@router.get("/account/reset-password", include_in_schema=False)
async def ask_for_new_password(request: Request, db: Db, token: Text = "") -> HTMLResponse:
    try:
        await confirmations.open_link(db, request.app.state.password_reset_tokens, token)
    except InvalidLink:
        return invalid_link_page(request)
    return page(request, "accounts/reset_password.html", token=token, faults=[])


@router.post("/account/reset-password", include_in_schema=False)
async def set_new_password(
    token: Annotated[Text, Form()],
    new_password: Annotated[Text, Form()],
    repeated: Annotated[Text, Form()],
    request: Request,
    db: Db,
    tasks: Tasks,
    passwords: PasswordRules,
) -> HTMLResponse:
    if new_password != repeated:
        return _ask_again(request, token, ["The two passwords differ."])
    try:
        tokens = request.app.state.password_reset_tokens
        await confirmations.reset_password(db, tasks, passwords, tokens, token, new_password)
    except InvalidPassword as error:
        return _ask_again(request, token, [fault.message for fault in error.faults])
    except InvalidLink:
        return invalid_link_page(request)
    return page(request, "accounts/password_was_reset.html")


def _ask_again(request: Request, token: str, faults: list[str]) -> HTMLResponse:
    code = status.HTTP_422_UNPROCESSABLE_CONTENT
    return page(request, "accounts/reset_password.html", status_code=code, token=token, faults=faults)
