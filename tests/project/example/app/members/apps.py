from fastapi import FastAPI

from app.accounts import AuthenticationBackend, JWTAuthentication
from app.core.web import ErrorFormat
from app.members.problems import Problem, problem


def authentication(app: FastAPI) -> list[AuthenticationBackend]:
    """Take `Authorization: Token …`, which the front end sends."""
    return [JWTAuthentication("Token")]


def ready(app: FastAPI) -> None:
    app.state.error_format = ErrorFormat(Problem, problem, "application/problem+json")
