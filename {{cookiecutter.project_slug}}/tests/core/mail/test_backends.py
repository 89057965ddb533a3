import os
import stat
from email import message_from_bytes
from email.policy import default
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.db import Database
from app.core.mail.backends import Mailer, MemoryMailer, make_mailer
from app.core.mail.errors import MailDelayed
from app.core.mail.messages import compose
from app.core.ops import run_checks
from app.core.settings.mailboxes import parse_mailbox
from app.settings import Settings


def mailer_for(settings: Settings, url: str) -> Mailer:
    return make_mailer(settings.model_copy(update={"email_url": SecretStr(url)}))


async def test_the_console_shows_what_people_would_read(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    message = compose(settings, "core/mails/test", "zoë@bücher.example")

    await mailer_for(settings, "console:").send(message)

    shown = capsys.readouterr().out
    assert "\nTo: zoë@xn--bcher-kva.example\n" in shown
    assert f"\nSubject: {message['Subject']}\n" in shown
    assert "\nhttp://127.0.0.1:8000\n" in shown
    assert "<p>This mail shows that" in shown


async def test_a_console_that_lacks_a_character_shows_its_code(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(output, encoding="cp1252"))

    await mailer_for(settings, "console:").send(compose(settings, "core/mails/test", "漢@example.com"))

    assert b"To: \\u6f22@example.com" in output.getvalue()


async def test_memory_keeps_mails_in_a_list(settings: Settings) -> None:
    mailer = mailer_for(settings, "memory:")
    assert isinstance(mailer, MemoryMailer)
    message = compose(settings, "core/mails/test", "ada@example.com")

    await mailer.send(message)

    assert mailer.outbox == [message]


async def test_each_mail_gets_a_file_of_its_own(settings: Settings, tmp_path: Path) -> None:
    mailer = mailer_for(settings, (tmp_path / "out box").as_uri())
    messages = [compose(settings, "core/mails/test", f"user{number}@example.com") for number in range(5)]

    for message in messages:
        await mailer.send(message)

    files = sorted((tmp_path / "out box").iterdir())
    assert {file.suffix for file in files} == {".eml"}
    found = [message_from_bytes(file.read_bytes(), policy=default)["To"] for file in files]
    assert found == [message["To"] for message in messages]


@pytest.mark.skipif(os.name != "posix", reason="Windows does not have these file modes")
async def test_only_the_owner_reads_the_files(settings: Settings, tmp_path: Path) -> None:
    await mailer_for(settings, (tmp_path / "box").as_uri()).send(compose(settings, "core/mails/test", "a@example.com"))

    (file,) = (tmp_path / "box").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_written_to_is_worth_another_try(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(MailDelayed, match="Cannot write to"):
        await mailer_for(settings, file.as_uri()).send(compose(settings, "core/mails/test", "ada@example.com"))


@pytest.mark.parametrize(
    ("name", "value", "ids"),
    [
        ("email_url", SecretStr("console:"), ["core.W008"]),
        ("email_url", SecretStr("file:///var/mail"), ["core.W008"]),
        ("email_url", SecretStr("smtps://mail.example.com"), []),
        ("public_url", "https://localhost:8000", ["core.W009"]),
        ("public_url", "https://[::1]", ["core.W009"]),
        ("public_url", "http://api.example.com", ["core.W010"]),
        ("email_from", parse_mailbox("noreply@localhost"), ["core.W011"]),
    ],
)
async def test_check_names_what_keeps_mails_from_people(
    settings: Settings, database: Database, name: str, value: object, ids: list[str]
) -> None:
    good = {
        "email_url": SecretStr("smtp://me:hush@mail.example.com"),
        "email_from": parse_mailbox("noreply@example.com"),
        "public_url": "https://api.example.com",
    }
    problems = await run_checks(settings.model_copy(update={**good, name: value}), database, deploy=True)

    assert [problem.id for problem in problems if "core.W008" <= problem.id <= "core.W011"] == ids
    assert "hush" not in "".join(map(str, problems))
