"""The tokens in links of mails, without a database: what they contain, and what they are bound to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from app.accounts.authentication.tokens.mail import MailTokens, email_verification_tokens, password_reset_tokens
from app.accounts.authentication.tokens.signing import InvalidToken
from app.accounts.models import User
from app.core.settings import PROJECT
from app.settings import Settings

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
OLD_KEY, NEW_KEY = "o" * 64, "n" * 64

Make = Callable[[Settings], MailTokens]

both = pytest.mark.parametrize(
    ("make", "typ", "lifetime"),
    [
        (password_reset_tokens, "password-reset+jwt", timedelta(hours=1)),
        (email_verification_tokens, "email-verification+jwt", timedelta(hours=24)),
    ],
    ids=["reset", "verification"],
)


def alice() -> User:
    return User(
        id=uuid4(), email="alice@example.com", email_verified=False, password_changed_at=NOW, email_changed_at=NOW
    )


def with_keys(settings: Settings, key: str, *fallbacks: str) -> Settings:
    return settings.model_copy(
        update={"secret_key": SecretStr(key), "secret_key_fallbacks": tuple(map(SecretStr, fallbacks))}
    )


@both
def test_it_says_for_what_it_is(settings: Settings, make: Make, typ: str, lifetime: timedelta) -> None:
    user = alice()
    token = make(settings).create(user, "alice@example.com", NOW)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": typ}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.pop("state") == make(settings).state(user)
    assert claims == {
        "iss": PROJECT["name"],
        "aud": PROJECT["name"],
        "sub": str(user.id),
        "email": "alice@example.com",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + lifetime).timestamp()),
    }


@both
def test_it_lives_for_its_time(settings: Settings, make: Make, typ: str, lifetime: timedelta) -> None:
    tokens = make(settings)
    token = tokens.create(alice(), "alice@example.com", NOW)

    assert tokens.read(token, NOW + lifetime - timedelta(seconds=1)).email == "alice@example.com"
    with pytest.raises(InvalidToken):
        tokens.read(token, NOW + lifetime)


@both
@pytest.mark.parametrize("claim", ["iss", "aud", "email", "state"])
def test_each_claim_counts(settings: Settings, make: Make, typ: str, lifetime: timedelta, claim: str) -> None:
    tokens = make(settings)
    claims = jwt.decode(tokens.create(alice(), "alice@example.com", NOW), options={"verify_signature": False})
    key = settings.secret_key.get_secret_value()
    tokens.read(jwt.encode(claims, key, headers={"typ": typ}), NOW)

    del claims[claim]
    with pytest.raises(InvalidToken):
        tokens.read(jwt.encode(claims, key, headers={"typ": typ}), NOW)


def test_one_kind_is_not_the_other(settings: Settings) -> None:
    reset, verification = password_reset_tokens(settings), email_verification_tokens(settings)

    with pytest.raises(InvalidToken):
        verification.read(reset.create(alice(), "alice@example.com", NOW), NOW)
    with pytest.raises(InvalidToken):
        reset.read(verification.create(alice(), "alice@example.com", NOW), NOW)


@both
@pytest.mark.parametrize(
    ("name", "value"), [("password_changed_at", LATER), ("email", "other@example.com"), ("email_changed_at", LATER)]
)
def test_a_change_of_the_user_ends_it(
    settings: Settings, make: Make, typ: str, lifetime: timedelta, name: str, value: object
) -> None:
    tokens, user = make(settings), alice()
    data = tokens.read(tokens.create(user, "alice@example.com", NOW), NOW)
    assert tokens.fits(data, user)

    setattr(user, name, value)

    assert not tokens.fits(data, user)


def test_a_confirmed_address_ends_only_the_link_that_confirms_it(settings: Settings) -> None:
    user = alice()
    reset, verification = password_reset_tokens(settings), email_verification_tokens(settings)
    links = reset.create(user, user.email, NOW), verification.create(user, user.email, NOW)

    user.email_verified = True

    assert reset.fits(reset.read(links[0], NOW), user)
    assert not verification.fits(verification.read(links[1], NOW), user)


@both
def test_a_key_of_before_still_verifies(settings: Settings, make: Make, typ: str, lifetime: timedelta) -> None:
    token = make(with_keys(settings, OLD_KEY)).create(alice(), "alice@example.com", NOW)

    make(with_keys(settings, NEW_KEY, OLD_KEY)).read(token, NOW)
    with pytest.raises(InvalidToken):
        make(with_keys(settings, NEW_KEY)).read(token, NOW)
