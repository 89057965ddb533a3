from email.headerregistry import Address
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.ops.settings_report import MASK, misspelt, origins, shown, without_secrets
from app.core.settings import parse_database_url, parse_rate
from app.settings import Settings


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    return tmp_path / ".env"


def test_the_origin_is_who_decides(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env.write_text("JWT_ISSUER=a\njwt_audience=b\n")
    monkeypatch.setenv("jwt_issuer", "c")
    monkeypatch.setenv("BCRYPT_ROUNDS", "12")
    monkeypatch.delenv("JWT_AUDIENCE", raising=False)
    monkeypatch.delenv("DOCS_ENABLED", raising=False)

    found = origins()

    assert found["jwt_issuer"] == "environment, overrides .env"
    assert found["jwt_audience"] == ".env"
    assert found["bcrypt_rounds"] == "environment"
    assert found["docs_enabled"] == "default"


def test_what_looks_like_a_setting_is_a_slip(env: Path) -> None:
    env.write_text("ALLOWED_HOST=x\ndata_base_url=x\nPOSTGRES_PASSWORD=x\nSENTRY_DSN=x\nSECRET_KEY=x\n")

    assert misspelt() == {"ALLOWED_HOST": "ALLOWED_HOSTS", "DATA_BASE_URL": "DATABASE_URL"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://:hush@h:6379/0", "redis://***@h:6379/0"),
        ("redis://:h@us?h@h:6379/0", "redis://***@h:6379/0"),
        ("redis://h?password=hush", "redis://h?***"),
        ("unix:///run/redis.sock?password=hush&db=1", "unix:///run/redis.sock?***"),
        ("smtps://me%40example.com:hush@mail.example.com", "smtps://***@mail.example.com"),
        ("smtp:me:hush@mail.example.com", "smtp:***@mail.example.com"),
        ("hush@h", "***@h"),
        ("console:", "console:"),
        ("file:///var/mail", "file:///var/mail"),
    ],
)
def test_of_an_address_no_secret_is_told(url: str, told: str) -> None:
    assert without_secrets(url) == told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("x", None, ""),
        ("x", True, "true"),
        ("x", 5, "5"),
        ("x", "a\nb", "a\\nb"),
        ("email_from", Address("App", "no-reply", "example.com"), "App <no-reply@example.com>"),
        ("x", "https://me:hush@h", "https://***@h"),
        ("x", (), ""),
        ("x", ("https://a", "b"), "https://a,b"),
        ("login_throttle", parse_rate("5/minute"), "5 per 1 minute"),
        ("secret_key", SecretStr("hush"), "***"),
        ("secret_key", SecretStr("a://hush"), "***"),
        ("secret_key_fallbacks", (SecretStr("hush"), SecretStr("hush")), "***,***"),
        ("redis_url", SecretStr("redis://u:hush@h"), "redis://***@h"),
        ("database_url", parse_database_url("postgresql://u:hu%40sh@h/n"), "postgresql+psycopg://***@h/n"),
        ("x", object(), "***"),
    ],
)
def test_values_are_shown_as_a_file_would_have_them(name: str, value: object, told: str) -> None:
    assert shown(name, value) == told


def test_only_secrets_are_hidden(settings: Settings) -> None:
    hidden = {name for name, value in settings if MASK in shown(name, value)}

    assert hidden - {"database_url", "test_database_url"} == {"secret_key"}
