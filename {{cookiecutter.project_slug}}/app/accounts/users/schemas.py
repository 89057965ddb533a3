"""Bodies of requests and answers for users."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.accounts.permissions.schemas import Names
from app.accounts.users.own_fields import extended
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


@extended("registration")
class NewUser(BaseModel):
    username: Username
    email: EmailAddress
    full_name: FullName = ""


class UserCreate(NewUser):
    password: Password


class UserRegister(NewUser):
    password: Password | None = Field(
        None, description="Callers who may add users can omit it. The new user gets a mail with a link to set it."
    )


@extended("profile")
class ProfileUpdate(BaseModel):
    """Fields that are left out or null stay as they are. A new address needs the password, and takes effect when the
    user confirms it.
    """

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
    token: Text = Field(description="The token in the link of the mail.")


class PasswordResetRequest(BaseModel):
    email: EmailAddress


class PasswordReset(BaseModel):
    token: Text = Field(description="The token in the link of the mail.")
    new_password: Password


@extended("admin")
class UserUpdate(BaseModel):
    """Fields that are left out or null stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Alice Liddell"}]})

    full_name: FullName | None = None
    disabled: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None
    groups: set[UUID] | None = Field(None, max_length=1000, description="The ids of all the user's groups.")


@extended("api")
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
    groups: Names = Field(description="The names of the user's groups.", examples=[["editors"]])
    permissions: Names = Field(
        description="The permissions of the user's groups. A superuser has all permissions.",
        examples=[["accounts.view_user"]],
    )


class UserQuery(Paging):
    search: Annotated[str, StringConstraints(max_length=254), STORABLE] = Field(
        "",
        description="The beginning of the username, the e-mail address or the full name. Case does not matter. If more "
        f"than {COUNT_CAP} users match, the list may be incomplete: use a longer term or filters.",
    )
    disabled: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None
    group: UUID | None = Field(None, description="The id of a group: only its members.")
    sort: UserSort = Field(
        "username", description="A `-` reverses the order. Users who never logged in come before those who did."
    )
