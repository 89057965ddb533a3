from datetime import timedelta

from fastapi import FastAPI

from app.accounts.hashing import PasswordHasher
from app.accounts.keys import load_keys
from app.accounts.tokens import TokenPolicy, TokenVerifier
from app.accounts.validators import password_policy
from app.settings import Settings


def ready(app: FastAPI) -> None:
    """Make once what requests share: the rules for tokens and passwords, and the threads that hash."""
    settings: Settings = app.state.settings
    app.state.token_policy = TokenPolicy(
        keys=load_keys(settings),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        lifetime=timedelta(minutes=settings.access_token_expire_minutes),
    )
    app.state.token_verifier = TokenVerifier(app.state.token_policy)
    app.state.password_policy = password_policy(settings)
    app.state.password_hasher = PasswordHasher(settings.bcrypt_rounds)
