import pytest

from app.accounts.authentication.passwords.hashing import MAX_LENGTH, check_password, get_password_hash, verify_password


def test_the_same_characters_in_another_encoding_are_the_same_password() -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"

    assert verify_password(decomposed, get_password_hash(composed, rounds=4))


@pytest.mark.parametrize("typed", ["x", "e\u0301", "\u03b1\u0313\u0300\u0345"])
def test_the_longest_password_verifies_however_it_is_typed(typed: str) -> None:
    assert verify_password(typed * MAX_LENGTH, get_password_hash(typed * MAX_LENGTH, rounds=4))


@pytest.mark.parametrize("typed", ["x" * 129, "e\u0301" * 129, "\ufdfa" * 8, "x" * 10**6])
def test_nobody_has_a_password_that_is_longer(typed: str) -> None:
    assert not verify_password(typed, get_password_hash(typed[:512], rounds=4))


def test_an_up_to_date_hash_stays() -> None:
    assert check_password("right", get_password_hash("right", rounds=4), rounds=4) == (True, None)


@pytest.mark.parametrize("unusable", ["", "!", "$2b$12$short", "plain text"])
def test_an_unusable_hash_matches_nothing(unusable: str) -> None:
    assert not verify_password(unusable, unusable)


@pytest.mark.parametrize("hashed", ["", "!", None])
def test_what_cannot_be_a_hash_is_refused_without_a_fault(hashed: str | None) -> None:
    assert check_password("right", hashed, rounds=4) == (False, None)
