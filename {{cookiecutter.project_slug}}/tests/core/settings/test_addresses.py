from email.headerregistry import Address

import pytest
from pydantic import SecretStr

from app.core.settings.hosts import is_loopback
from app.core.settings.mailboxes import parse_mailbox
from app.core.settings.urls import check_email_url, parse_public_url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_a_loopback_host_is_on_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.com", "app.localhost", "10.0.0.1", "::", "0.0.0.0", ""])  # noqa: S104
def test_any_other_host_may_be_elsewhere(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("HTTPS://Example.com:443/app//", "https://example.com/app"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_links_begin_without_a_slash_at_the_end(given: str, used: str) -> None:
    assert parse_public_url(given) == used


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://h/?q",
        "https://h/?",
        "https://h/#f",
        "https://u:p@h",
    ],
)
def test_where_no_link_can_begin_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"https://example\.com"):
        parse_public_url(value)


@pytest.mark.parametrize(
    "url",
    [
        "console:",
        "memory:",
        "file:///var/mail%20box",
        "smtp://localhost",
        "smtp://[::1]:25/",
        "smtp://me%40example.com:p%40ss@mail.example.com:587",
        "smtp://me@example.com:pass@mail.example.com",
        "smtps://bücher.example",
    ],
)
def test_an_address_for_mails_stays_as_it_is(url: str) -> None:
    assert check_email_url(SecretStr(url)).get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush",
        "http://hush",
        "console:hush",
        "memory://hush",
        "file:hush",
        "file://hush/box",
        "file:///",
        "smtp:hush",
        "smtp://",
        "smtp://me:hush@",
        "smtp://hush/path",
        "smtp://hush:port",
        "smtp://hush:70000",
        "smtp://[hush]",
        "smtp://me:1#hush@host",
        "smtp://me:1?hush@host",
        "smtp://me:hu/sh@host",
        "smtp://me:p@hush/hush#hush@host:587",
        "smtp://me:123/hush@host",
        "smtp://hush@host",
        "smtp://:hush@host",
        f"smtp://{'hush' * 20}.example",
    ],
)
def test_an_address_that_takes_no_mails_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is not)") as caught:
        check_email_url(SecretStr(url))

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "mailbox"),
    [
        ("noreply@example.com", Address("", "noreply", "example.com")),
        ("<noreply@example.com>", Address("", "noreply", "example.com")),
        ("My Service <noreply@example.com>", Address("My Service", "noreply", "example.com")),
        (
            '"Zoë & Söhne, Ltd." <noreply@bücher.example>',
            Address("Zoë & Söhne, Ltd.", "noreply", "xn--bcher-kva.example"),
        ),
        ("Zoë & Söhne, Ltd. <noreply@localhost>", Address("Zoë & Söhne, Ltd.", "noreply", "localhost")),
    ],
)
def test_a_sender_may_have_a_name(value: str, mailbox: Address) -> None:
    assert parse_mailbox(value) == mailbox


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "My Service",
        "My Service <>",
        "My Service noreply@example.com",
        "a@example.com, b@example.com",
        "My\nService <noreply@example.com>",
        "My \u202eService <noreply@example.com>",
        "My Service <zoë@example.com>",
        "a@example.com\nBcc: b@example.com",
    ],
)
def test_who_cannot_be_a_sender_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"must have|like"):
        parse_mailbox(value)
