"""Bodies of requests and answers."""

from typing import Self

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from app.accounts import AuthenticatedUser, ProfileUpdate, User
from app.core.db import Text
from app.core.web import EmailAddress


class MemberLogin(BaseModel):
    email: Text = Field(examples=["alice@example.com"])
    password: Text


class MemberUpdate(BaseModel):
    """Fields that are left out stay as they are. Front ends send all fields, so the same address or name is no change.
    A new address or a new password needs the `current_password`. The username stays.
    """

    email: EmailAddress | None = None
    username: Text | None = None
    password: Text | None = None
    bio: Text | None = None
    image: Text | None = Field(None, examples=["https://example.com/alice.jpg"])
    current_password: Text | None = None

    def profile_of(self, user: AuthenticatedUser) -> ProfileUpdate:
        """Return what changes. Raises RequestValidationError."""
        if self.username not in (None, user.username):
            raise _fault("username", "The username cannot be changed")
        values = self.model_dump(exclude_unset=True, include={"bio", "image", "current_password"})
        if "image" in values:
            values["image"] = self.image or None  # front ends send "" for none
        if self.email != user.email:
            values["email"] = self.email
        try:
            return ProfileUpdate.model_validate(values)
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None


def _fault(field: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("body", "user", field), "msg": message}])


class MemberRead(BaseModel):
    email: str = Field(examples=["alice@example.com"])
    token: str = Field(description="For `Authorization: Token …`.")
    username: str = Field(examples=["alice"])
    bio: str = Field(examples=["I fell into a rabbit hole."])
    image: str | None = Field(examples=["https://example.com/alice.jpg"])


class MemberAnswer(BaseModel):
    user: MemberRead

    @classmethod
    def of(cls, user: User | AuthenticatedUser, token: str) -> Self:
        read = MemberRead(email=user.email, token=token, username=user.username, bio=user.bio, image=user.image)
        return cls(user=read)
