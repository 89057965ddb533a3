"""People register, confirm an address and forget a password. With real SMTP, a real browser, and no front end."""

import re
import time
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest
from playwright.sync_api import Page

from tests.kit.browser import Browse
from tests.kit.mailing import invite, recipients, seconds_through_a_killed_worker, slow_post_office
from tests.kit.servers import PostgreSQL, Server, SMTPServer, free_port, smtp_server, terminate
from tests.kit.services import Service, bearer, connect, log_in, prepare, serve

PATIENCE = 30  # s

NEW = {"username": "grace", "email": "grace@example.com", "password": "first correct horse", "full_name": "Grace"}
SECOND = "second correct horse"


@pytest.fixture
def post_office() -> Iterator[SMTPServer]:
    with smtp_server() as running:
        yield running


@pytest.fixture
def mailing(empty: Service, post_office: SMTPServer) -> Iterator[Server]:
    """A server that sends its mails to the post office, on each database."""
    empty.manage("migrate")
    port = free_port()
    env = {"EMAIL_URL": post_office.url, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with serve(empty.with_env(**env), port) as served:
        yield served


def wait_for(subject: str, post_office: SMTPServer) -> EmailMessage:
    """Wait for the last mail with this subject and take it: it is sent after the answer."""
    deadline = time.monotonic() + PATIENCE
    while not (found := [mail for mail in post_office.messages if mail["Subject"] == subject]):
        assert time.monotonic() < deadline, f"no mail {subject!r} among {[m['Subject'] for m in post_office.messages]}"
        time.sleep(0.02)
    post_office.messages.remove(found[-1])
    return found[-1]


def link_in(mail: EmailMessage) -> str:
    """Both forms of the mail must lead to the same place."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    (link,) = re.findall(r"^http\S+", text.get_content(), re.MULTILINE)
    assert f'href="{link}"' in html.get_content()
    return str(link)


def me(client: httpx.Client, password: str) -> dict[str, object]:
    token = log_in(client, NEW["username"], password).raise_for_status().json()["access_token"]
    return dict(client.get("/users/me", headers=bearer(token)).raise_for_status().json())


def test_who_registers_confirms_the_address_by_the_link(
    mailing: Server, post_office: SMTPServer, browse: Browse
) -> None:
    with connect(mailing) as client:
        assert client.post("/users", json=NEW).status_code == 201
        link = link_in(wait_for("Confirm your e-mail address", post_office))
        page, again = browse(link), browse(link)
        assert me(client, NEW["password"])["email_verified"] is False, "opening a link changes nothing"

        page.get_by_role("button").click()
        page.get_by_text("grace@example.com is confirmed").wait_for()
        assert me(client, NEW["password"])["email_verified"] is True

        browse.expect("status of 400")
        again.get_by_role("button").click()
        for late in (again, browse(link)):
            late.get_by_text("This link is no longer valid").first.wait_for()


def test_who_forgot_the_password_sets_a_new_one(mailing: Server, post_office: SMTPServer, browse: Browse) -> None:
    with connect(mailing) as client:
        client.post("/users", json=NEW).raise_for_status()
        session = log_in(client, NEW["username"], NEW["password"]).json()["access_token"]

        page = browse(f"{mailing.url}/account/forgot-password")
        page.get_by_label("E-mail address").fill(NEW["email"].upper())
        page.get_by_role("button").click()
        page.get_by_text("Check your mailbox").first.wait_for()
        link = link_in(wait_for("Set a new password", post_office))

        browse.expect("status of 422", "status of 400")
        page.goto(link)
        set_password(browse, link, "12345").get_by_text("This password is too short").wait_for()
        assert log_in(client, NEW["username"], NEW["password"]).is_success

        late = browse(link)
        set_password(browse, link, SECOND).get_by_text("New password set").first.wait_for()
        assert log_in(client, NEW["username"], NEW["password"]).status_code == 401
        assert client.get("/users/me", headers=bearer(session)).status_code == 401, "old sessions are gone"
        assert me(client, SECOND)["email_verified"] is True
        assert wait_for("Your password was changed", post_office)["To"] == NEW["email"]

        browse(link).get_by_text("This link is no longer valid").first.wait_for()
        fill_in(late, "third correct horse").get_by_text("no longer valid").first.wait_for()
        assert me(client, SECOND)


def set_password(browse: Browse, link: str, password: str) -> Page:
    return fill_in(browse(link), password)


def fill_in(page: Page, password: str) -> Page:
    for label in ("New password", "Repeat the password"):
        page.get_by_label(label).fill(password)
    page.get_by_role("button").click()
    return page


# No accepted mail is lost.


def test_a_server_that_is_told_to_end_sends_what_is_under_way(prepared: Service) -> None:
    with slow_post_office() as post_office:
        with serve(prepared.with_env(EMAIL_URL=post_office.url)) as served:
            expected = invite(served, 20)
            assert recipients(post_office) != expected, "the server was too quick to be stopped in time"
            terminate(served)
        assert recipients(post_office) == expected
        assert len(post_office.messages) == 20


def test_what_a_killed_worker_held_is_sent_by_another(plain: Service, cluster: PostgreSQL) -> None:
    """It takes most of a minute, in which others wait whether the worker is heard of again."""
    service = prepare(plain.with_env(DATABASE_URL=cluster.create_database("killed")))
    seconds_through_a_killed_worker(service, 100, patience=300)
