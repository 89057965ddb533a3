"""What the routes of this app ask for, besides `Db` and `CurrentUser`."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.hashing import Passwords
from app.accounts.throttling import LoginThrottle, login_throttle
from app.core.openapi import raises


@raises(503)
async def get_passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


@raises(429)
async def get_login_throttle(request: Request) -> LoginThrottle:
    return login_throttle(request)


PasswordRules = Annotated[Passwords, Depends(get_passwords)]
Logins = Annotated[LoginThrottle, Depends(get_login_throttle)]
