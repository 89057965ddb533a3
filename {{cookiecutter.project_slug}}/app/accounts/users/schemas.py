"""What the routes of users take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.accounts.permissions.schemas import Names
from app.core.db import COUNT_CAP, ONE_LINE, STORABLE, Paging, Text
from app.core.web import EmailAddress

Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,150}$"), Field(examples=["alice"])]
FullName = Annotated[str, StringConstraints(max_length=150), ONE_LINE, Field(examples=["Alice Liddell"])]
Password = Annotated[Text, Field(examples=["correct horse battery staple"], json_schema_extra={"format": "password"})]
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


class NewUser(BaseModel):
    username: Username
    email: EmailAddress
    full_name: FullName = ""


class UserCreate(NewUser):
    password: Password


class UserRegister(NewUser):
    password: Password | None = Field(
        None, description="Callers who may add users can leave it out: the new user is mailed a link to set it."
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
    groups: set[UUID] | None = Field(None, max_length=1000, description="The ids of all the user's groups.")


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
        "",
        description="What the username, the e-mail address or the full name begins with, in any case. Where that finds "
        f"more than {COUNT_CAP} users, only the first ones of each are listed, unless the filters leave few.",
    )
    disabled: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None
    group: UUID | None = Field(None, description="The id of a group they are in.")
    sort: UserSort = Field(
        "username", description="A `-` reverses it. Users who never logged in come before all who did."
    )
