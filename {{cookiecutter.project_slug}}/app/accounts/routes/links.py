"""Actions with the links in mails. `pages` has the pages behind these links."""

from fastapi import APIRouter, status

from app.accounts.authentication.backends import CurrentUser
from app.accounts.use_cases import Accounts
from app.accounts.users.schemas import EmailConfirmation, PasswordReset, PasswordResetRequest
from app.core.web import public, raises

router = APIRouter(tags=["e-mail and password"])


@router.post("/email-verification", status_code=status.HTTP_202_ACCEPTED)
@raises(429)
async def request_email_verification(user: CurrentUser, accounts: Accounts) -> None:
    """Mail the link again, if your address is not confirmed yet."""
    await accounts.request_email_verification(user.id)


@router.post("/email-verification/confirm", status_code=status.HTTP_204_NO_CONTENT)
@public
@raises(400, 409)
async def confirm_email(confirmation: EmailConfirmation, accounts: Accounts) -> None:
    """Confirm an address with the token of the link."""
    await accounts.confirm_email(confirmation.token)


@router.post("/password-reset", status_code=status.HTTP_202_ACCEPTED)
@public
@raises(429)
async def request_password_reset(reset: PasswordResetRequest, accounts: Accounts) -> None:
    """Mail a link to set a new password. An unknown address gets the same answer in the same time."""
    await accounts.request_password_reset(reset.email)


@router.post("/password-reset/confirm", status_code=status.HTTP_204_NO_CONTENT)
@public
@raises(400)
async def reset_password(reset: PasswordReset, accounts: Accounts) -> None:
    """Set a new password with the token of the link. This logs out all devices."""
    await accounts.reset_password(reset.token, reset.new_password)
