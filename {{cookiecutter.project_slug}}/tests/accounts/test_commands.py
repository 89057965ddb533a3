from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import UseCases, commands
from app.accounts.authentication import sessions
from app.accounts.authentication.passwords.hashing import verify_password
from app.accounts.authentication.sessions import Device
from app.accounts.models import User
from app.core.db import Database
from tests.commands import call
from tests.conftest import PASSWORD
from tests.terminal import call_on_terminal, needs_terminal, without_control

CREATE = ("createsuperuser", "--username", "boss", "--email", "boss@example.com")


async def test_createsuperuser(accounts: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERUSER_PASSWORD", PASSWORD)

    assert await call(*CREATE, "--no-input") == (0, "Superuser boss created.\n", "")

    boss = await accounts.find_user("boss")
    assert boss is not None
    assert (boss.is_superuser, boss.is_staff, boss.disabled) == (True, True, False)
    assert verify_password(PASSWORD, boss.hashed_password)


async def test_createsuperuser_finds_all_in_the_environment(db: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"USERNAME": "boss", "EMAIL": "boss@example.com", "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"SUPERUSER_{name}", value)

    assert (await call("createsuperuser")).out == "Superuser boss created.\n"


async def test_createsuperuser_reads_what_is_missing(accounts: UseCases) -> None:
    outcome = await call("createsuperuser", stdin=f"boss\nboss@example.com\n{PASSWORD}\n")

    assert outcome.status == 0
    assert await accounts.find_user("boss@example.com") is not None


@needs_terminal
async def test_createsuperuser_asks_again_for_what_cannot_be(accounts: UseCases) -> None:
    answers = ("no name!", "boss", "nowhere", "boss@example.com", "12", PASSWORD, "another", PASSWORD, PASSWORD)

    outcome = await call_on_terminal("createsuperuser", typed="".join(f"{answer}\n" for answer in answers))

    seen = without_control(outcome.out)
    assert seen.count("Username: ") == seen.count("E-mail address: ") == 2
    for said in ("valid email address", "too short", "too common", "The two passwords differ.", "boss created."):
        assert said in seen
    boss = await accounts.find_user("boss@example.com")
    assert boss is not None
    assert verify_password(PASSWORD, boss.hashed_password)


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (["createsuperuser", "--no-input"], PASSWORD, ["--no-input needs --username and --email."]),
        ([*CREATE, "--no-input"], "", ["--no-input needs the password in SUPERUSER_PASSWORD."]),
        ([*CREATE, "--username", "a@b", "--no-input"], PASSWORD, ["username: "]),
        ([*CREATE, "--email", "nowhere", "--no-input"], PASSWORD, ["email: "]),
        (
            [*CREATE, "--no-input"],
            "12",
            ["This password is too short", "This password is too common", "This password is entirely numeric"],
        ),
    ],
)
async def test_createsuperuser_says_what_is_wrong(
    accounts: UseCases, monkeypatch: pytest.MonkeyPatch, arguments: list[str], password: str, said: list[str]
) -> None:
    monkeypatch.setenv("SUPERUSER_PASSWORD", password)

    outcome = await call(*arguments)

    assert (outcome.status, outcome.out) == (1, "")
    assert [
        line for line, start in zip(outcome.err.splitlines(), said, strict=True) if not line.startswith(start)
    ] == []
    assert await accounts.find_user("boss") is None


@pytest.mark.parametrize(
    ("username", "email", "field"),
    [("ALICE", "new@example.com", "username"), ("new", "Alice@Example.com", "email")],
)
async def test_a_name_is_taken_in_any_case(
    user: User, monkeypatch: pytest.MonkeyPatch, username: str, email: str, field: str
) -> None:
    monkeypatch.setenv("SUPERUSER_PASSWORD", PASSWORD)

    outcome = await call("createsuperuser", "--username", username, "--email", email, "--no-input")

    assert outcome == (1, "", f"Another user has this {field}.")


async def test_changepassword(db: AsyncSession, user: User) -> None:
    assert (await call("changepassword", "alice", stdin="a new password\n")).status == 0

    await db.refresh(user)
    assert verify_password("a new password", user.hashed_password)


async def test_changepassword_says_what_is_wrong(user: User) -> None:
    assert await call("changepassword", "nobody") == (1, "", "There is no user 'nobody'.")
    assert (await call("changepassword", "alice", stdin="short\n")).err.startswith("This password is too short")


async def test_grant_and_revoke(accounts: UseCases, user: User) -> None:
    given = await call("grant", "accounts.view_user", "accounts.view_group", "--group", "readers")
    assert given == (0, "readers may now: accounts.view_group, accounts.view_user.\n", "")
    assert (await call("grant", "readers", "--user", "ALICE")).out == "alice is now in: readers.\n"
    assert (await accounts.get_user(user.id)).permissions == {"accounts.view_user", "accounts.view_group"}

    taken = await call("revoke", "accounts.view_user", "--group", "readers")
    assert taken.out == "readers may now: accounts.view_group.\n"
    assert (await call("revoke", "readers", "--user", "alice")).out == "alice is now in: no group.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grant", "x"], "Give either --user or --group, for example `grant editors --user alice`."),
        (["grant", "x", "--user", "alice", "--group", "y"], "Give either --user or --group"),
        (["grant", "x", "--user", "nobody"], "There is no user 'nobody'."),
        (["grant", "x", "y", "--user", "alice"], "Unknown groups: x, y."),
        (["grant", "accounts.view_user", "--user", "alice"], f"Unknown groups: accounts.view_user. {commands.RIGHTS}"),
        (["revoke", "accounts.view_user", "--user", "alice"], f"Unknown groups: accounts.view_user. {commands.RIGHTS}"),
        (["grant", "editors", "--group", "staff"], f"Unknown permissions: editors. {commands.RIGHTS}"),
        (["grant", "accounts.fly", "--group", "pilots"], "Unknown permissions: accounts.fly."),
        (["revoke", "accounts.view_user", "--group", "pilots"], "Unknown groups: pilots."),
        (["grant", "accounts.view_user", "--group", "a\nb"], "name: "),
    ],
)
async def test_what_cannot_be_granted_is_one_line(user: User, arguments: list[str], said: str) -> None:
    outcome = await call(*arguments)

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(said)
    assert "\n" not in outcome.err


@pytest.fixture
async def readers(user: User, admin: User) -> None:
    """A group with the user, but without the superuser."""
    await call("grant", "accounts.view_user", "--group", "readers")
    await call("grant", "readers", "--user", "alice")


@pytest.mark.usefixtures("readers")
async def test_listusers(db: AsyncSession, admin: User) -> None:
    admin.last_login = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    await db.commit()

    listed = await call("listusers")

    assert (listed.status, listed.err) == (0, "")
    assert [line.split() for line in listed.out.splitlines()] == [
        ["alice", "alice@example.com", "-", "-", "readers", "-"],
        ["root", "root@example.com", "-", "superuser,", "staff", "-", "2026-01-02T03:04+00:00"],
    ]


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["A"], ["alice"]),
        (["nobody"], []),
        (["--staff"], ["root"]),
        (["--no-superuser"], ["alice"]),
        (["--disabled"], []),
        (["--group", "readers"], ["alice"]),
        (["--sort=-username"], ["root", "alice"]),
        (["--limit", "1", "--offset", "1"], ["root"]),
    ],
)
@pytest.mark.usefixtures("readers")
async def test_listusers_searches_as_the_api_does(arguments: list[str], listed: list[str]) -> None:
    outcome = await call("listusers", *arguments)

    assert [line.split()[0] for line in outcome.out.splitlines()] == listed


@pytest.mark.usefixtures("user", "admin")
async def test_listusers_says_that_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await call("listusers", "--limit", "1")).err == "1 of 2 users. For the next page, use --offset 1.\n"
    assert (await call("listusers", "--limit", "2")).err == ""

    monkeypatch.setattr(commands, "COUNT_CAP", 1)
    assert (await call("listusers", "--limit", "1")).err.startswith("1 of more than 1 users. For the next page")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "101"], "limit: "),
        (["--offset", "-1"], "offset: "),
        (["--sort", "hashed_password"], "sort: "),
        (["--group", "nobodies"], "Unknown groups: nobodies."),
    ],
)
async def test_what_cannot_be_listed_is_one_line(db: AsyncSession, arguments: list[str], said: str) -> None:
    outcome = await call("listusers", *arguments)

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(said)
    assert "\n" not in outcome.err


async def test_sessions_are_deleted_and_committed_batch_by_batch(
    db: AsyncSession, user: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FLUSH_BATCH", 2)
    await start_sessions(db, user)
    now = datetime.now(UTC)

    async with database.session() as observer:
        left = [(batch, await sessions.count_over(observer, now)) async for batch in sessions.flush(db, now)]

    assert left == [(2, 3), (2, 1), (1, 0)]


async def test_flushexpiredtokens_deletes_only_what_is_over(db: AsyncSession, user: User) -> None:
    await start_sessions(db, user)

    assert await call("flushexpiredtokens") == (0, "5 sessions deleted.\n", "")

    assert len(await sessions.live(db, user.id, datetime.now(UTC))) == 1
    assert await call("flushexpiredtokens") == (0, "0 sessions deleted.\n", "")


@needs_terminal
async def test_on_a_terminal_flushexpiredtokens_shows_how_far_it_is(db: AsyncSession, user: User) -> None:
    await start_sessions(db, user)

    seen = without_control((await call_on_terminal("flushexpiredtokens")).out)

    assert "Deleting sessions" in seen
    assert "5/5" in seen
    assert seen.endswith("5 sessions deleted.\n")


async def start_sessions(db: AsyncSession, user: User) -> None:
    """Five sessions that are over, and one that is not."""
    for days in (-4, -3, -2, -1, -1, 1):
        await sessions.start(db, user.id, Device("", None), datetime.now(UTC), timedelta(days=days))
    await db.commit()
