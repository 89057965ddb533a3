"""Bodies of answers."""

from typing import Self

from pydantic import BaseModel, Field

from app.accounts import User


class ProfileRead(BaseModel):
    username: str = Field(examples=["alice"])
    bio: str = Field(examples=["I fell into a rabbit hole."])
    image: str | None = Field(examples=["https://example.com/alice.jpg"])
    following: bool = Field(description="Whether the caller follows this user.")

    @classmethod
    def of(cls, user: User, *, following: bool) -> Self:
        return cls(username=user.username, bio=user.bio, image=user.image, following=following)


class ProfileAnswer(BaseModel):
    profile: ProfileRead
