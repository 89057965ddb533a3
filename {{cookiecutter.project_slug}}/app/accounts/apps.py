from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import permissions
from app.accounts.docs import describe
from app.accounts.errors import install_error_handlers
from app.accounts.hashing import Passwords
from app.accounts.keys import load_keys
from app.accounts.mail_tokens import email_verification_tokens, password_reset_tokens
from app.accounts.tokens import TokenPolicy, TokenVerifier
from app.settings import Settings


def ready(app: FastAPI) -> None:
    """Make once what requests share: the rules for tokens and passwords, and the threads that hash."""
    settings: Settings = app.state.settings
    install_error_handlers(app)
    describe(app)
    app.state.token_policy = TokenPolicy(
        keys=load_keys(settings),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        lifetime=timedelta(minutes=settings.access_token_expire_minutes),
    )
    app.state.token_verifier = TokenVerifier(app.state.token_policy)
    app.state.email_verification_tokens = email_verification_tokens(settings)
    app.state.password_reset_tokens = password_reset_tokens(settings)
    app.state.passwords = Passwords.of(settings)


async def migrated(connection: AsyncConnection) -> None:
    await permissions.add_missing(connection)
