"""What tokens say."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt


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
    """What the link in a mail carries; `app.accounts.authentication.tokens.mail` says more."""

    email: str = Field(description="The address that the mail went to.")
    state: str
