"""What the account routes take and give, and what an access token says."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    model_validator,
)

from app.core.pagination import Paging
from app.core.schemas import ONE_LINE, STORABLE, EmailAddress, Text

REFRESH_TOKEN = "kTqKSJcXqg1bD0vJ6u2Yw8nF"  # noqa: S105 (an example)

Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,150}$"), Field(examples=["alice"])]
FullName = Annotated[str, StringConstraints(max_length=150), ONE_LINE, Field(examples=["Alice Liddell"])]
Password = Annotated[Text, Field(examples=["correct horse battery staple"], json_schema_extra={"format": "password"})]
GroupName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=150), ONE_LINE, Field(examples=["editors"])
]
PermissionNames = Annotated[set[Text], Field(max_length=1000, examples=[["accounts.view_user"]])]
UserSort = Literal[
    "username",
    "-username",
    "email",
    "-email",
    "full_name",
    "-full_name",
    "date_joined",
    "-date_joined",
    "last_login",
    "-last_login",
]


def _sorted_names(named: Iterable[Any]) -> list[str]:
    return sorted(getattr(each, "name", each) for each in named)


Names = Annotated[list[str], BeforeValidator(_sorted_names)]


class Token(BaseModel):
    """A successful answer of the token route (RFC 6749, 5.1)."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (no password, but a word of RFC 6750)
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[1800])
    refresh_token: str = Field(description="Good for one use.", examples=[REFRESH_TOKEN])


class Claims(BaseModel):
    """What every token of ours says (RFC 7519, 4.1); times in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    sub: UUID = Field(description="The user's id.")
    iat: StrictInt
    exp: StrictInt
    nbf: StrictInt | None = None


class TokenData(Claims):
    """What an access token says (RFC 9068, 2.2)."""

    sid: UUID = Field(description="The session's id: the same from a login to its end.")
    jti: str


class MailTokenData(Claims):
    """What the link in a mail carries; `app.accounts.mail_tokens` says more."""

    email: str = Field(description="The address that the mail went to.")
    state: str


class TokenForm(BaseModel):
    """What a client posts for a token (RFC 6749, 4.3.2 and 6); fields that are not known are ignored."""

    grant_type: str = Field("password", description="`password`, or `refresh_token`.")
    username: str | None = Field(None, description="The username, or the e-mail address.", examples=["alice"])
    password: str | None = Field(None, json_schema_extra={"format": "password"})
    refresh_token: str | None = Field(None, description="Instead of the two.", examples=[REFRESH_TOKEN])
    scope: str = ""


class RevocationForm(BaseModel):
    """What a client posts to end a session (RFC 7009, 2.1); the hint is not needed."""

    token: str | None = Field(None, description="An access token, or a refresh token.")
    token_type_hint: str | None = None


class OAuth2ErrorRead(BaseModel):
    """What a token route answers when it refuses (RFC 6749, 5.2)."""

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
    current: bool = Field(False, description="Whether this request belongs to it.")


class JWKSet(BaseModel):
    """Public keys (RFC 7517, 5)."""

    keys: list[dict[str, str]]


class NewUser(BaseModel):
    username: Username
    email: EmailAddress
    full_name: FullName = ""


class UserCreate(NewUser):
    password: Password


class UserRegister(NewUser):
    password: Password | None = Field(
        None, description="May be left out by who may add users: the new one is mailed a link to set it."
    )


class ProfileUpdate(BaseModel):
    """What is left out, or null, stays as it is. A new address needs the password, and counts once it is confirmed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Alice Liddell"}]})

    full_name: FullName | None = None
    email: EmailAddress | None = None
    current_password: Password | None = None

    @model_validator(mode="after")
    def _confirmed(self) -> Self:
        if self.email is not None and self.current_password is None:
            raise ValueError("a new email needs the current_password")
        return self


class PasswordChange(BaseModel):
    current_password: Password
    new_password: Password


class PasswordConfirmation(BaseModel):
    password: Password


class EmailConfirmation(BaseModel):
    token: Text = Field(description="Of the link that was mailed.")


class PasswordResetRequest(BaseModel):
    email: EmailAddress


class PasswordReset(BaseModel):
    token: Text = Field(description="Of the link that was mailed.")
    new_password: Password


class UserUpdate(BaseModel):
    """What is left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Alice Liddell"}]})

    full_name: FullName | None = None
    disabled: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None
    groups: set[UUID] | None = Field(None, max_length=1000, description="The ids of all he shall be in.")


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str = Field(examples=["alice"])
    email: str = Field(examples=["alice@example.com"])
    email_verified: bool
    full_name: str = Field(examples=["Alice Liddell"])
    disabled: bool = Field(examples=[False])
    is_staff: bool = Field(examples=[False])
    is_superuser: bool = Field(examples=[False])
    date_joined: datetime
    last_login: datetime | None
    groups: Names = Field(description="Their names.", examples=[["editors"]])
    permissions: Names = Field(
        description="All that the groups have; of a superuser, all there are.", examples=[["accounts.view_user"]]
    )


class UserQuery(Paging):
    search: Annotated[str, StringConstraints(max_length=254), STORABLE] = Field(
        "", description="What the username, the e-mail address or the full name begins with, in any case."
    )
    disabled: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None
    group: UUID | None = Field(None, description="The id of a group they are in.")
    sort: UserSort | None = Field(
        None,
        description="A `-` reverses it. Who never logged in comes before all who did. Where it is left out, it is the "
        "username; but a search lists first whom it finds by username, then by e-mail address, then by full name.",
    )


class GroupCreate(BaseModel):
    name: GroupName
    permissions: PermissionNames = Field(set(), description="Their names, as in `accounts.view_user`.")


class GroupUpdate(BaseModel):
    """What is left out, or null, stays as it is."""

    name: GroupName | None = None
    permissions: PermissionNames | None = Field(None, description="The names of all it shall have.")


class GroupRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str = Field(examples=["editors"])
    permissions: Names = Field(examples=[["accounts.view_user"]])
