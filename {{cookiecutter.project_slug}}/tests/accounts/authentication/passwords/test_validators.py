from collections.abc import Iterator

import pytest

from app.accounts.authentication.passwords.hashing import MAX_LENGTH
from app.accounts.authentication.passwords.pool import InvalidPassword
from app.accounts.authentication.passwords.validators import (
    Fault,
    Names,
    PasswordPolicy,
    Validator,
    common_passwords,
    entirely_numeric,
    password_policy,
    too_common,
    too_similar,
)
from app.accounts.models import User
from app.accounts.use_cases import UseCases
from app.accounts.users.schemas import UserCreate
from app.core.settings import SettingsError
from app.settings import Settings, get_settings
from tests.commands import call

ALICE = Names("alice.liddell", "queen_of@hearts.example", "Alice Pleasance Hargreaves")


POLICY = PasswordPolicy(8, (too_common, entirely_numeric, too_similar))


def codes(password: str, names: Names = ALICE, policy: PasswordPolicy = POLICY) -> list[str]:
    return [fault.code.removeprefix("password_") for fault in policy.faults(password, names)]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("correct horse battery staple", []),
        ("pässwörd für 世界 ☕", []),
        ("x" * 128, []),
        ("\u03b1\u0313\u0300\u0345" * 128, []),  # 128 characters, in any form of typing
        ("", ["too_short"]),
        ("qw\u0301er7\u0301z", ["too_short"]),  # ẃ is one character
        ("x" * 129, ["too_long"]),
        ("\ufdfa" * 8, ["too_long"]),  # one character for a phrase of 18 characters
        ("x" * 10**6, ["too_long"]),
        ("password", ["too_common"]),
        ("PassWord", ["too_common"]),
        (" password ", ["too_common"]),
        ("ｐａｓｓｗｏｒｄ", ["too_common"]),
        ("8301749265", ["entirely_numeric"]),
        ("８３０１７４９２６５", ["entirely_numeric"]),
        ("٨٣٠١٧٤٩٢٦٥", ["entirely_numeric"]),
        ("123456", ["too_short", "too_common", "entirely_numeric"]),
        ("1" * 129, ["too_long", "entirely_numeric"]),
    ],
)
def test_all_faults_of_a_password_are_named(password: str, expected: list[str]) -> None:
    assert codes(password) == expected


@pytest.mark.parametrize(
    ("password", "alike"),
    [
        ("liddell1", "username"),
        ("ALICE.Liddell", "username"),
        ("queen_of@hearts", "e-mail address"),
        ("hargreaves!", "full name"),
        ("ｈａｒｇｒｅａｖｅｓ", "full name"),
        ("alice.hargreaves", "full name"),
        ("hargrea123", "full name"),  # 7 of 10 letters
        ("hargre1234", ""),
        ("queen of liddell", ""),
    ],
)
def test_a_password_must_not_be_like_a_name(password: str, alike: str) -> None:
    said = [fault.message for fault in POLICY.faults(password, ALICE)]

    assert said == ([f"This password is too similar to the {alike}."] if alike else [])


def test_all_names_that_a_password_is_like_are_said_at_once() -> None:
    (fault,) = POLICY.faults("hatter22", Names("hatter", "hatter@example.com", "Hatter"))

    assert fault.message == "This password is too similar to the username and the e-mail address and the full name."


def test_the_same_letters_in_another_order_are_not_alike() -> None:
    assert codes("arch ant salt", Names("chartsaltan", "nobody@example.com")) == []


def test_the_names_may_be_as_long_as_they_like() -> None:
    assert codes("ab" * 64, Names("ba-" * 50, f"{'a.' * 100}@example.com", "\ufdfa" * 150)) == ["too_similar"]


def test_the_list_is_the_well_known_one() -> None:
    assert len(common_passwords()) == 19640
    assert all(password == password.casefold().strip() for password in common_passwords())


def test_a_validator_gets_the_password_normalized_and_cut() -> None:
    got: list[str] = []

    def recording(password: str, names: Names) -> list[Fault]:
        got.append(password)
        return []

    policy = PasswordPolicy(8, (recording,))
    policy.faults("e\u0301" * 8, ALICE)
    policy.faults("\ufdfa" * 10**6, ALICE)

    assert got[0] == "é" * 8
    assert len(got[1]) == MAX_LENGTH


def no_hyphen(password: str, names: Names) -> Iterator[Fault]:
    if "-" in password:
        yield Fault("password_hyphen", "This password has a hyphen.")


class Forbidden:
    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, password: str, names: Names) -> Iterator[Fault]:
        if self.word in password:
            yield Fault("password_forbidden", f"This password has {self.word} in it.")


no_rabbit: Validator = Forbidden("rabbit")


def read(monkeypatch: pytest.MonkeyPatch, *validators: str) -> Settings:
    """Read the settings as at a start."""
    monkeypatch.setenv("PASSWORD_VALIDATORS", ", ".join(validators))
    return get_settings.__wrapped__()


def test_the_default_is_all_of_them() -> None:
    assert password_policy(get_settings.__wrapped__()) == POLICY


def test_the_validators_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = password_policy(read(monkeypatch, f"{__name__}.no_hyphen", f"{__name__}.no_rabbit"))

    assert codes("password", policy=policy) == []
    assert codes("1-rabbit", policy=policy) == ["hyphen", "forbidden"]


def test_without_validators_the_length_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = password_policy(read(monkeypatch, ""))

    assert codes("password", policy=policy) == []
    assert codes("1234567", policy=policy) == ["too_short"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.at_all", "cannot be imported (ModuleNotFoundError)"),
        ("app.accounts.authentication.passwords.validators.nothing", "cannot be imported (AttributeError)"),
        ("not a path", "cannot be imported (ValueError)"),
        ("app.accounts.authentication.passwords.validators", "is not callable"),
    ],
)
def test_a_validator_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, path: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, "app.accounts.authentication.passwords.validators.too_common", path)

    assert str(caught.value) == f"PASSWORD_VALIDATORS: item 2 of the list {reason}."


async def test_a_new_user_is_told_all_faults(accounts: UseCases) -> None:
    new = UserCreate(username="1234567", email="new@example.com", password="1234567")

    with pytest.raises(InvalidPassword) as caught:
        await accounts.create_superuser(new, new.password)

    assert {fault.code for fault in caught.value.faults} == {
        "password_too_short",
        "password_too_common",
        "password_entirely_numeric",
        "password_too_similar",
    }
    assert await accounts.find_user("1234567") is None


async def test_a_changed_password_is_judged_by_its_users_names(user: User) -> None:
    outcome = await call("changepassword", "alice", stdin="alice@example\n")

    assert outcome == (1, "", "This password is too similar to the e-mail address.")
