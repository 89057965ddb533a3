"""Many mails at once, while the process that sends them ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit.servers import Server, SMTPServer, smtp_server
from tests.kit.services import PASSWORD, USERNAME, Service, bearer, connect, log_in, serve, work

PAUSE = 0.3  # s for each mail at the post office, so that some are always on their way


@contextmanager
def slow_post_office() -> Iterator[SMTPServer]:
    with smtp_server(pause=PAUSE) as running:
        yield running


def invite(served: Server, count: int) -> set[str]:
    """Make that many users. Each gets a mail with a link. Return their addresses."""
    with connect(served) as client:
        headers = bearer(log_in(client, USERNAME, PASSWORD).raise_for_status().json()["access_token"])
        for number in range(count):
            new = {"username": f"user{number}", "email": f"user{number}@example.com"}
            client.post("/users", json=new, headers=headers).raise_for_status()
    return {f"user{number}@example.com" for number in range(count)}


def recipients(post_office: SMTPServer) -> set[str]:
    return {str(mail["To"]) for mail in post_office.messages}


def seconds_through_a_killed_worker(service: Service, count: int, patience: float) -> float:
    """Kill the worker when a fifth of the mails have arrived, and let another one continue. Return the time for all.

    The service is on PostgreSQL. Raises AssertionError if a mail has not arrived after `patience` seconds.
    """
    with slow_post_office() as post_office:
        sending = service.with_env(TASK_QUEUE="database", EMAIL_URL=post_office.url)
        with serve(sending) as served, work(sending) as first:
            started = time.monotonic()
            expected = invite(served, count)
            _wait_for(count // 5, post_office, patience)
            first.kill()
        assert recipients(post_office) != expected, "the worker was too quick to be killed in time"
        with work(sending):
            _wait_for(count, post_office, patience)
        assert recipients(post_office) == expected
        return time.monotonic() - started


def _wait_for(count: int, post_office: SMTPServer, patience: float) -> None:
    deadline = time.monotonic() + patience
    while len(recipients(post_office)) < count:
        assert time.monotonic() < deadline, f"{len(recipients(post_office))} of {count} mails have arrived"
        time.sleep(0.05)
