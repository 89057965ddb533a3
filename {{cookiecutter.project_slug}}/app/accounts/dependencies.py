"""What the routes of this app ask for, besides `Db` and `CurrentUser`."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.hashing import Passwords
from app.accounts.throttling import LoginThrottle, MailThrottle, login_throttle, mail_throttle
from app.core.openapi import raises
from app.settings import Settings


@raises(503)
async def get_passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


@raises(429)
async def get_login_throttle(request: Request) -> LoginThrottle:
    return login_throttle(request)


@raises(429)
async def get_mail_throttle(request: Request) -> MailThrottle:
    return mail_throttle(request)


async def get_current_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


CurrentSettings = Annotated[Settings, Depends(get_current_settings)]
PasswordRules = Annotated[Passwords, Depends(get_passwords)]
Logins = Annotated[LoginThrottle, Depends(get_login_throttle)]
Mails = Annotated[MailThrottle, Depends(get_mail_throttle)]
