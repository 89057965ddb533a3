import pytest

from app.accounts.hashing import PasswordHasher
from app.accounts.passwords import check_password, get_password_hash, password_faults, verify_password


def test_the_same_characters_in_another_encoding_are_the_same_password() -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"

    assert verify_password(decomposed, get_password_hash(composed, rounds=4))


def test_an_up_to_date_hash_stays() -> None:
    assert check_password("right", get_password_hash("right", rounds=4), rounds=4) == (True, None)


@pytest.mark.parametrize("unusable", ["", "!", "$2b$12$short", "plain text"])
def test_an_unusable_hash_matches_nothing(unusable: str) -> None:
    assert not verify_password(unusable, unusable)


@pytest.mark.parametrize(
    ("password", "faults"),
    [
        ("long enough", 0),
        ("short", 1),
        ("123456", 2),
        ("1234567890", 1),
        ("x" * 128, 0),
        ("x" * 129, 1),
        ("\ufdfa" * 20, 1),  # one sign that stands for a whole sentence of 18
    ],
)
def test_all_faults_of_a_password_are_named(password: str, faults: int) -> None:
    assert len(list(password_faults(password, min_length=8))) == faults


async def test_the_hasher_works_off_the_loop() -> None:
    hasher = PasswordHasher(rounds=4)
    hashed = await hasher.hash("right")

    assert (await hasher.check("right", hashed)).valid
    assert not (await hasher.check("wrong", hashed)).valid
    assert not (await hasher.check("right", None)).valid
