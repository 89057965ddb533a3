from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.authentication.bearer import JWTAuthentication
from app.accounts.authentication.passwords.pool import Passwords
from app.accounts.authentication.tokens.keys import load_keys
from app.accounts.authentication.tokens.mail import email_verification_tokens, password_reset_tokens
from app.accounts.authentication.tokens.signing import TokenPolicy, TokenVerifier
from app.accounts.errors import AccountsError, answer
from app.accounts.permissions import table
from app.accounts.routes.docs import describe
from app.core import registry
from app.settings import Settings

REMOVABLE = False  # the rest of the project asks who somebody is, and what they may do


def ready(app: FastAPI) -> None:
    """Make once what all requests share: authentication backends, policies for tokens and passwords, and threads."""
    settings: Settings = app.state.settings
    app.add_exception_handler(AccountsError, answer)
    app.state.token_policy = TokenPolicy(
        keys=load_keys(settings),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        lifetime=timedelta(minutes=settings.access_token_expire_minutes),
    )
    others = (backend for backends in registry.hooks("authentication") for backend in backends(app))
    app.state.authentication = (JWTAuthentication(), *others)
    app.state.token_verifier = TokenVerifier(app.state.token_policy)
    app.state.email_verification_tokens = email_verification_tokens(settings)
    app.state.password_reset_tokens = password_reset_tokens(settings)
    app.state.passwords = Passwords.of(settings)
    describe(app)


async def migrated(connection: AsyncConnection) -> None:
    await table.add_missing(connection)
