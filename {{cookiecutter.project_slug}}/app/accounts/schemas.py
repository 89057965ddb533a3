"""What the account routes take and give, and what an access token says."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StrictInt, StringConstraints

Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,150}$")]


class Token(BaseModel):
    """A successful answer of the token route (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (no password, but a word of RFC 6750)
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str = Field(description="Good for one use.")


class TokenData(BaseModel):
    """The claims of an access token (RFC 9068, 2.2); times in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    sub: UUID = Field(description="The user's id.")
    sid: UUID = Field(description="The session's id: the same from a login to its end.")
    jti: str
    iat: StrictInt
    exp: StrictInt
    nbf: StrictInt | None = None


class TokenForm(BaseModel):
    """What a client posts for a token (RFC 6749, 4.3.2 and 6); fields that are not known are ignored."""

    grant_type: str = "password"
    username: str | None = Field(None, description="The username, or the e-mail address.")
    password: str | None = Field(None, json_schema_extra={"format": "password"})
    refresh_token: str | None = None
    scope: str = ""


class RevocationForm(BaseModel):
    """What a client posts to end a session (RFC 7009, 2.1); the hint is not needed."""

    token: str | None = Field(None, description="An access token, or a refresh token.")
    token_type_hint: str | None = None


class OAuth2ErrorRead(BaseModel):
    """What a token route answers when it refuses (RFC 6749, 5.2)."""

    error: str
    detail: str


class SessionRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_agent: str
    ip_address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(False, description="Whether this request belongs to it.")


class JWKSet(BaseModel):
    """Public keys (RFC 7517, 5)."""

    keys: list[dict[str, str]]


class UserCreate(BaseModel):
    username: Username
    email: EmailStr
    full_name: str = Field("", max_length=150)
    password: str


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    email: str
    full_name: str
    disabled: bool
    is_staff: bool
    is_superuser: bool
    date_joined: datetime
    last_login: datetime | None
