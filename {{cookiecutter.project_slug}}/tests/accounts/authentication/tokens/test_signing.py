from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from app.accounts.authentication.tokens import signing
from app.accounts.authentication.tokens.keys import KeyRing
from app.accounts.authentication.tokens.signing import (
    LEEWAY,
    InvalidToken,
    TokenPolicy,
    TokenVerifier,
    create_access_token,
    verify_token,
)

KEY = b"k" * 32
POLICY = TokenPolicy(
    KeyRing("HS256", KEY, None, {None: (KEY,)}), issuer="us", audience="them", lifetime=timedelta(minutes=5)
)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def make(policy: TokenPolicy = POLICY) -> str:
    return create_access_token(uuid4(), uuid4(), policy, NOW)


def test_a_token_says_whose_it_is() -> None:
    user, session = uuid4(), uuid4()

    data = verify_token(create_access_token(user, session, POLICY, NOW), POLICY, NOW)

    assert (data.sub, data.sid) == (user, session)
    assert (data.iat, data.exp) == (NOW.timestamp(), NOW.timestamp() + 300)


def test_its_form_is_that_of_rfc_9068() -> None:
    token = make()

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt"}
    assert set(jwt.decode(token, options={"verify_signature": False})) == {
        "iss",
        "aud",
        "sub",
        "iat",
        "exp",
        "jti",
        "sid",
    }


def test_no_two_tokens_are_alike() -> None:
    user, session = uuid4(), uuid4()

    assert create_access_token(user, session, POLICY, NOW) != create_access_token(user, session, POLICY, NOW)


@pytest.mark.parametrize("moment", [-LEEWAY, 0, 299.9])
def test_it_is_valid_until_it_expires(moment: float) -> None:
    verify_token(make(), POLICY, NOW + timedelta(seconds=moment))


@pytest.mark.parametrize("moment", [-LEEWAY - 1, 300, 10**6])
def test_it_is_not_valid_before_or_after(moment: float) -> None:
    with pytest.raises(InvalidToken):
        verify_token(make(), POLICY, NOW + timedelta(seconds=moment))


@pytest.mark.parametrize("year", [2020, 2090])
def test_only_the_clock_of_the_caller_counts(year: int) -> None:
    now = datetime(year, 1, 1, tzinfo=UTC)
    claims = jwt.decode(create_access_token(uuid4(), uuid4(), POLICY, now), options={"verify_signature": False})

    verify_token(jwt.encode({**claims, "nbf": claims["iat"]}, KEY, headers={"typ": "at+jwt"}), POLICY, now)


def test_a_header_that_must_be_understood_and_is_not() -> None:
    claims = jwt.decode(make(), options={"verify_signature": False})
    token = jwt.encode(claims, KEY, headers={"typ": "at+jwt", "crit": ["b64"], "b64": True})

    with pytest.raises(InvalidToken):
        verify_token(token, POLICY, NOW)


def test_a_policy_does_not_show_its_key() -> None:
    assert "kkk" not in repr(POLICY)


def test_a_key_of_before_still_verifies() -> None:
    new = b"n" * 32
    rotated = replace(POLICY, keys=KeyRing("HS256", new, None, {None: (new, KEY)}))
    withdrawn = replace(POLICY, keys=KeyRing("HS256", new, None, {None: (new,)}))

    verify_token(make(), rotated, NOW)
    with pytest.raises(InvalidToken):
        verify_token(make(), withdrawn, NOW)


def test_a_remembered_token_still_expires() -> None:
    verifier, token = TokenVerifier(POLICY), make()

    assert verifier.verify(token, NOW) is verifier.verify(token, NOW + timedelta(seconds=299))
    with pytest.raises(InvalidToken):
        verifier.verify(token, NOW + timedelta(seconds=300))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "REMEMBERED", 5)
    verifier = TokenVerifier(POLICY)
    for _ in range(7):
        verifier.verify(make(), NOW)

    assert len(verifier._verified) == 5  # noqa: SLF001 (our own)


def test_a_token_that_was_refused_is_not_remembered() -> None:
    verifier = TokenVerifier(POLICY)

    for _ in range(2):
        with pytest.raises(InvalidToken):
            verifier.verify(make() + "x", NOW)


@pytest.mark.parametrize("change", [{"issuer": "others"}, {"audience": "others"}, {"types": ("other+jwt",)}])
def test_a_token_for_another_purpose_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verify_token(make(replace(POLICY, **change)), POLICY, NOW)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "jti", "sid"])
def test_no_claim_may_be_missing(claim: str) -> None:
    claims = jwt.decode(make(), options={"verify_signature": False})
    del claims[claim]

    with pytest.raises(InvalidToken):
        verify_token(jwt.encode(claims, KEY, headers={"typ": "at+jwt"}), POLICY, NOW)


def test_an_audience_among_others_is_not_ours() -> None:
    claims = jwt.decode(make(), options={"verify_signature": False}) | {"aud": ["them", "others"]}

    with pytest.raises(InvalidToken):
        verify_token(jwt.encode(claims, KEY, headers={"typ": "at+jwt"}), POLICY, NOW)


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
def test_the_type_may_be_written_in_each_form_of_rfc_9068(typ: str) -> None:
    claims = jwt.decode(make(), options={"verify_signature": False})

    verify_token(jwt.encode(claims, KEY, headers={"typ": typ}), POLICY, NOW)


def test_the_key_that_a_token_names_verifies_it() -> None:
    other = b"o" * 32
    ring = KeyRing("HS256", KEY, "first", {"first": (KEY,), "second": (other,)})
    named = replace(POLICY, keys=ring)
    token = make(named)
    claims = jwt.decode(token, options={"verify_signature": False})

    assert jwt.get_unverified_header(token)["kid"] == "first"
    verify_token(token, named, NOW)
    verify_token(jwt.encode(claims, other, headers={"typ": "at+jwt", "kid": "second"}), named, NOW)
    for headers in ({"kid": "second"}, {"kid": "third"}, {}):
        with pytest.raises(InvalidToken):
            verify_token(jwt.encode(claims, KEY, headers={"typ": "at+jwt", **headers}), named, NOW)
