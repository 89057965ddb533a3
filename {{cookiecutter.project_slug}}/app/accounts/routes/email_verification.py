"""An address is confirmed by the link in a mail: over the API, or on a page of our own.

Opening the link changes nothing, since scanners of mails open links; the button behind it does.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, status
from fastapi.responses import HTMLResponse

from app.accounts import confirmations, services
from app.accounts.auth import CurrentUser
from app.accounts.confirmations import InvalidLink
from app.accounts.dependencies import Mails
from app.accounts.errors import invalid_link_page
from app.accounts.schemas import EmailConfirmation
from app.accounts.services import Taken
from app.core.database import Db
from app.core.openapi import raises
from app.core.pages import page
from app.core.schemas import Text
from app.core.tasks import Tasks

router = APIRouter(tags=["e-mail and password"])


@router.post("/email-verification", status_code=status.HTTP_202_ACCEPTED)
async def request_email_verification(user: CurrentUser, db: Db, mails: Mails, tasks: Tasks) -> None:
    """Mail the link once more, where the address is not confirmed yet."""
    await mails.count(user.email)
    await services.request_email_verification(db, tasks, user.id)


@router.post("/email-verification/confirm", status_code=status.HTTP_204_NO_CONTENT)
@raises(400, 409)
async def confirm_email(confirmation: EmailConfirmation, request: Request, db: Db, tasks: Tasks) -> None:
    """Confirm the address with the token of the link."""
    await confirmations.confirm_email(db, tasks, request.app.state.email_verification_tokens, confirmation.token)


@router.get("/account/verify-email", include_in_schema=False)
async def ask_to_verify_email(request: Request, db: Db, token: Text = "") -> HTMLResponse:
    try:
        await confirmations.open_link(db, request.app.state.email_verification_tokens, token)
    except InvalidLink:
        return invalid_link_page(request)
    return page(request, "accounts/verify_email.html", token=token)


@router.post("/account/verify-email", include_in_schema=False)
async def verify_email(token: Annotated[Text, Form()], request: Request, db: Db, tasks: Tasks) -> HTMLResponse:
    try:
        tokens = request.app.state.email_verification_tokens
        email = await confirmations.confirm_email(db, tasks, tokens, token)
    except InvalidLink:
        return invalid_link_page(request)
    except Taken:
        return page(request, "accounts/email_taken.html", status_code=status.HTTP_409_CONFLICT)
    return page(request, "accounts/email_verified.html", email=email)
