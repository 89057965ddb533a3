"""Bodies of requests and answers for tokens and sessions."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

REFRESH_TOKEN = "kTqKSJcXqg1bD0vJ6u2Yw8nF"  # noqa: S105 (an example)


class Token(BaseModel):
    """A successful answer of the token route (RFC 6749, 5.1)."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (not a password, but a term of RFC 6750)
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[1800])
    refresh_token: str = Field(description="Valid for one use.", examples=[REFRESH_TOKEN])


class TokenForm(BaseModel):
    """A request for a token (RFC 6749, 4.3.2 and 6). Unknown fields are ignored."""

    grant_type: str = Field("password", description="`password` or `refresh_token`.")
    username: str | None = Field(None, description="The username or the e-mail address.", examples=["alice"])
    password: str | None = Field(None, json_schema_extra={"format": "password"})
    refresh_token: str | None = Field(None, description="Instead of username and password.", examples=[REFRESH_TOKEN])
    scope: str = ""


class RevocationForm(BaseModel):
    """A request to end a session (RFC 7009, 2.1). The hint is ignored."""

    token: str | None = Field(None, description="An access token or a refresh token.")
    token_type_hint: str | None = None


class OAuth2ErrorRead(BaseModel):
    """An error answer of a token route (RFC 6749, 5.2)."""

    error: str = Field(examples=["invalid_grant"])
    detail: str = Field(examples=["Incorrect username or password"])


class SessionRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_agent: str = Field(examples=["Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"])
    ip_address: str | None = Field(examples=["192.0.2.7"])
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(False, description="Whether this request belongs to the session.")

    @classmethod
    def of(cls, session: object, current: UUID | None) -> Self:
        read = cls.model_validate(session)
        return read.model_copy(update={"current": read.id == current})


class JWKSet(BaseModel):
    """Public keys (RFC 7517, 5)."""

    keys: list[dict[str, str]]
