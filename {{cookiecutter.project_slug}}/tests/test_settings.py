import os
import secrets
import subprocess
from collections.abc import Iterator
from email.headerregistry import Address
from pathlib import Path

import pytest

from app.core.settings import BASE_DIR, TITLE, SettingsError
from app.core.settings.env_file import PLACEHOLDER
from app.core.settings.keys import PUBLISHED_KEYS
from app.settings import Settings, get_settings

KEY = secrets.token_urlsafe(64)


@pytest.fixture(autouse=True)
def _only_a_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SECRET_KEY", KEY)
    kept = get_settings()
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()
    assert get_settings() is not kept


def lines(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        get_settings()
    return str(caught.value).splitlines()


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return get_settings()


def test_a_key_is_all_that_must_be_set() -> None:
    settings = get_settings()

    assert settings.environment == "local"
    assert settings.database_url.render_as_string() == f"sqlite+aiosqlite:///{BASE_DIR}/db.sqlite3"
    assert settings.docs_enabled


def test_a_missing_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")

    assert [line[:23] for line in lines(monkeypatch)] == ["SECRET_KEY: is missing."]


@pytest.mark.parametrize(
    "key",
    ["", "x" * 31, PLACEHOLDER, PLACEHOLDER * 9, *PUBLISHED_KEYS, "your-secret-key-here-change-in-production"],
)
def test_a_key_that_others_can_guess_stops_the_start(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    (line,) = lines(monkeypatch, SECRET_KEY=key)

    assert line.startswith("SECRET_KEY: is ")
    assert not key or key == PLACEHOLDER or key not in line


def test_each_wrong_setting_gets_a_line_and_none_shows_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "SECRET_KEY": "hush-hush",
        "ENVIRONMENT": "prod-hush",
        "DATABASE_URL": "hush://me:hush@host/name",
        "TEST_DATABASE_URL": "hush",
        "ACCESS_TOKEN_EXPIRE_MINUTES": "hush",
        "BCRYPT_ROUNDS": "3",
        "REDIS_URL": "hush",
        "TASK_QUEUE": "hush",
        "LOGIN_THROTTLE": "hush",
        "PASSWORD_MIN_LENGTH": "7",
        "JWT_ISSUER": "",
        "PUBLIC_URL": "hush",
        "EMAIL_URL": "smtp://me:hush",
        "EMAIL_FROM": "hush",
    }

    found = lines(monkeypatch, **wrong)

    assert sorted(line.partition(":")[0] for line in found) == sorted(wrong)
    assert "hush" not in "".join(found)


@pytest.mark.parametrize("host", ["https://example.com", "example.com:443", "*example.com", "api.*", "a b", "[::1"])
def test_a_host_that_could_match_nothing_or_too_much_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    (line,) = lines(monkeypatch, ALLOWED_HOSTS=f"api.example.com,{host}")

    assert line.startswith("ALLOWED_HOSTS: item 2 ")


def test_any_usual_host_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ("*", "[::1]", "127.0.0.1", "a_b", "*.example.com")

    assert read(monkeypatch, ALLOWED_HOSTS=",".join(hosts)).allowed_hosts == hosts


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, ALLOWED_HOSTS="Example.com, *.example.org,", CORS_ALLOW_ORIGINS="")

    assert settings.allowed_hosts == ("example.com", "*.example.org")
    assert settings.cors_allow_origins == ()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@h:5432/n", "postgresql+psycopg://u:p@h:5432/n"),
        ("postgres://h/n?sslmode=require", "postgresql+psycopg://h/n?sslmode=require"),
        ("postgresql+psycopg://h/n", "postgresql+psycopg://h/n"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite:////var/lib/x.db"),
        ("sqlite:///data/x.db", f"sqlite+aiosqlite:///{BASE_DIR}/data/x.db"),
    ],
)
def test_any_usual_address_of_a_database_will_do(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    assert read(monkeypatch, DATABASE_URL=given).database_url.render_as_string(hide_password=False) == used


def test_tasks_can_only_wait_in_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = lines(monkeypatch, TASK_QUEUE="database", DATABASE_URL="sqlite:///x")

    assert line == "TASK_QUEUE: is database, which needs DATABASE_URL=postgresql://… in place of SQLite."
    assert read(monkeypatch, TASK_QUEUE="database", DATABASE_URL="postgresql://h/n").task_queue == "database"


@pytest.mark.parametrize(
    "address", ["", "sqlite://", "sqlite:///:memory:", "mysql://h/n", "h/n", "postgresql://h:port/n"]
)
def test_an_address_that_cannot_work_stops_the_start(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    (line,) = lines(monkeypatch, DATABASE_URL=address)

    assert line.startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    "address",
    ["redis://", "redis://:hush@h:6379/0", "rediss://u:p@h/1?ssl_cert_reqs=none", "unix:///run/redis.sock?db=2"],
)
def test_any_usual_address_of_redis_will_do(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    url = read(monkeypatch, REDIS_URL=address).redis_url

    assert url is not None
    assert url.get_secret_value() == address
    assert "hush" not in repr(get_settings())


def test_without_an_address_there_is_no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, REDIS_URL="").redis_url is None


@pytest.mark.parametrize(
    "address",
    [
        "h:6379",
        "http://h",
        "redis://h:port",
        "redis://h/name",
        "redis://h?no_such_option=1",
        "redis://h?db=x",
        "[",
        "redis://:hu@sh/hush@h:6379/0",
        "redis://hush:123/4hush@h:6379/0",
        "redis://hush:123#hush@h:6379/0",
        "redis://hush:123?hush@h:6379/0",
        "redis://hush:123?hush=4@h:6379/0",
    ],
)
def test_an_address_of_redis_that_cannot_work_stops_the_start(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    (line,) = lines(monkeypatch, REDIS_URL=address)

    assert line.startswith("REDIS_URL: ")
    assert "redis://" in line or "#" in address
    assert "hush" not in line
    assert "123" not in line


@pytest.mark.parametrize(
    ("given", "amount", "seconds"), [("5/15 minutes", 5, 900), ("20 per hour", 20, 3600), ("1/Day", 1, 86400)]
)
def test_a_rate_is_an_amount_in_a_time(monkeypatch: pytest.MonkeyPatch, given: str, amount: int, seconds: int) -> None:
    rate = read(monkeypatch, LOGIN_THROTTLE=given).login_throttle

    assert (rate.amount, rate.get_expiry()) == (amount, seconds)


@pytest.mark.parametrize(
    "rate", ["", "5", "5/fortnight", "0/minute", "-1/minute", "5/minute, 9/hour", "1/2 years", f"1/{'9' * 30} days"]
)
def test_a_rate_that_says_nothing_stops_the_start(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    (line,) = lines(monkeypatch, LOGIN_THROTTLE=rate)

    assert line.startswith("LOGIN_THROTTLE: ")
    assert "5/15 minutes" in line


def test_mails_are_printed_until_something_else_is_set() -> None:
    settings = get_settings()

    assert settings.email_url.get_secret_value() == "console:"
    assert settings.email_from == Address(TITLE, "noreply", "localhost")
    assert settings.public_url == "http://127.0.0.1:8000"


def test_the_password_for_mails_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, EMAIL_URL="smtp://me:hush@mail.example.com", EMAIL_FROM="Me <me@example.com>")

    assert settings.email_from.display_name == "Me"
    assert "hush" not in repr(settings) + settings.model_dump_json(exclude={"database_url"})


def test_docs_are_closed_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not read(monkeypatch, ENVIRONMENT="production").docs_enabled


def test_docs_can_be_opened_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, ENVIRONMENT="production", DOCS_ENABLED="true").docs_enabled


def test_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("JWT_ISSUER=file\nJWT_AUDIENCE=file\nNOT_OURS=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", file)

    settings = read(monkeypatch, JWT_ISSUER="environment")

    assert (settings.jwt_issuer, settings.jwt_audience) == ("environment", "file")


def test_a_file_that_cannot_be_read_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    monkeypatch.setitem(Settings.model_config, "env_file", file)

    assert lines(monkeypatch) == [".env: cannot be read (UnicodeDecodeError)."]


QUOTED = """
SECRET_KEY={key}
DATABASE_URL='postgresql://u:p@h/n?sslmode=require&connect_timeout=3'
EMAIL_FROM="My Service <noreply@example.com>"
ALLOWED_HOSTS='a.example,b.example'
JWT_ISSUER='it"s'
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such shell")
def test_everything_reads_the_same_from_quotes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The project, a shell, and `docker run --env-file`, which keeps quotes. systemd removes them as a shell does."""
    monkeypatch.delenv("SECRET_KEY")
    file = tmp_path / ".env"
    file.write_text(QUOTED.format(key=KEY))
    shell = ["sh", "-c", f"set -a; . {file}; env -0"]
    found = subprocess.run(shell, check=True, capture_output=True, text=True, env={}).stdout.split("\0")
    readers = [
        Settings(_env_file=file),
        *(from_lines(monkeypatch, lines) for lines in (found, QUOTED.format(key=KEY).splitlines())),
    ]

    assert readers[0] == readers[1] == readers[2]
    assert readers[0].database_url.query == {"sslmode": "require", "connect_timeout": "3"}
    assert readers[0].allowed_hosts == ("a.example", "b.example")


def from_lines(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> Settings:
    with monkeypatch.context() as patch:
        for line in found:
            if line and line.partition("=")[0].lower() in Settings.model_fields:
                patch.setenv(*line.split("=", 1))
        return Settings()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('JWT_ISSUER=a\n\n\nDATABASE_URL="postgresql://u:hush@h/n\nJWT_AUDIENCE=b\n', 4),
        ("JWT_ISSUER='hush\n", 1),
        ("# comment\r\nDATABASE_URL postgresql://hush\r\n", 2),
        ("=hush", 1),
        ('JWT_ISSUER="hu"sh\n', 1),
    ],
)
def test_a_line_that_cannot_be_read_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, number: int
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(text.encode())
    monkeypatch.setitem(Settings.model_config, "env_file", file)

    assert lines(monkeypatch) == [f".env: line {number} cannot be read. Check its quotes and its =."]


def test_the_example_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", BASE_DIR / ".env.example")

    assert get_settings().secret_key.get_secret_value() == KEY


def test_a_folder_or_a_link_to_nothing_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    file.mkdir()

    (line,) = lines(monkeypatch)
    assert line.startswith(".env: is a folder. ")

    if os.name == "posix":
        file.rmdir()
        file.symlink_to(tmp_path / "nowhere")
        assert lines(monkeypatch) == [".env: is a link to a file that does not exist."]


def test_nothing_that_is_printed_holds_the_key() -> None:
    settings = get_settings()

    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json(exclude={"database_url"})
