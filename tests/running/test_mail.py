"""Mails of a rendered project, sent to a real server."""

from tests.kit.servers import LOOPBACK, free_port, smtp_server
from tests.kit.services import EMAIL, Service


def test_a_test_mail_arrives(plain: Service) -> None:
    with smtp_server() as smtp:
        settings = {"EMAIL_URL": smtp.url, "EMAIL_FROM": "Zoë & Söhne <noreply@bücher.example>"}
        said = plain.manage("sendtestemail", EMAIL, **settings, PUBLIC_URL="https://api.example.com/")

    assert said == f"{smtp.url} took the mail to {EMAIL}.\n"
    (message,) = smtp.messages
    assert message["From"] == "Zoë & Söhne <noreply@xn--bcher-kva.example>"
    assert message["To"] == EMAIL
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert "https://api.example.com" in body.get_content()


def test_without_a_server_mails_are_printed(plain: Service) -> None:
    assert f"\nTo: {EMAIL}\n" in plain.manage("sendtestemail", EMAIL)


def test_a_server_that_is_away_is_one_line(plain: Service) -> None:
    server = f"smtp://{LOOPBACK}:{free_port()}"

    said = plain.problem("sendtestemail", EMAIL, EMAIL_URL=server.replace("://", "://me:hush@"))

    assert said.startswith(f"{server.replace('://', '://***@')} did not take the mail: Error connecting to ")
    assert len(said.splitlines()) == 1
    assert "hush" not in said
