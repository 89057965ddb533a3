"""`Authorization: Token …`. Conduit's answers repeat the token."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts import credentials

SCHEME = "Token"


async def sent_token(request: Request) -> str:
    return credentials(request, SCHEME) or credentials(request, "Bearer") or ""


SentToken = Annotated[str, Depends(sent_token)]
