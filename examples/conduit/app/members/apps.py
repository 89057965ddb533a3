from fastapi import FastAPI

from app.accounts import AuthenticationBackend, JWTAuthentication
from app.core.web import ErrorFormat
from app.members.errors import ErrorsRead, errors
from app.members.tokens import SCHEME


def authentication(app: FastAPI) -> list[AuthenticationBackend]:
    return [JWTAuthentication(SCHEME)]


def ready(app: FastAPI) -> None:
    app.state.error_format = ErrorFormat(ErrorsRead, errors)
