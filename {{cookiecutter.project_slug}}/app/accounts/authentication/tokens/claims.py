"""The claims of tokens."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt


class Claims(BaseModel):
    """The claims of all our tokens (RFC 7519, 4.1). Times are in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    sub: UUID = Field(description="The user's id.")
    iat: StrictInt
    exp: StrictInt
    nbf: StrictInt | None = None


class TokenData(Claims):
    """The claims of an access token (RFC 9068, 2.2)."""

    sid: UUID = Field(description="The session's id: the same from login to logout.")
    jti: str


class MailTokenData(Claims):
    """The claims of a token in a mail, see `app.accounts.authentication.tokens.mail`."""

    email: str = Field(description="The address that the mail went to.")
    state: str
