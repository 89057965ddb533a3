from pydantic import BaseModel, Field

from app.core.db import Text


class MemberLogin(BaseModel):
    email: Text = Field(examples=["alice@example.com"])
    password: Text


class Member(BaseModel):
    username: str
    token: str = Field(description="For `Authorization: Token …`.")
