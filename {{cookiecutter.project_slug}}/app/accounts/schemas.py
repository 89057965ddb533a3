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
    """What a client posts for a token (RFC 6749, 4.3.2); fields that it does not know are ignored."""

    grant_type: str = "password"
    username: str | None = Field(None, description="The username, or the e-mail address.")
    password: str | None = Field(None, json_schema_extra={"format": "password"})
    scope: str = ""


class OAuth2ErrorRead(BaseModel):
    """What a token route answers when it refuses (RFC 6749, 5.2)."""

    error: str
    detail: str


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
