"""Refresh tokens, with processes that share only the database."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.servers import Server
from tests.services import Service, accepted, bearer, connect, log_in, refresh, serve

AT_ONCE = 20
REFUSED = (400, "invalid_grant")

pytestmark = pytest.mark.parametrize("service", ["on_sqlite", "on_postgresql", "pooled"], indirect=True)

Tokens = dict[str, str]


@pytest.fixture(scope="module")
def replica(service: Service) -> Iterator[Server]:
    """A second server on the same database."""
    with serve(service) as replica:
        yield replica


def start(client: httpx.Client) -> Tokens:
    tokens: Tokens = log_in(client).raise_for_status().json()
    assert client.get("/users/me", headers=bearer(tokens["access_token"])).status_code == 200
    return tokens


def assert_ended(client: httpx.Client, tokens: Tokens) -> None:
    me = client.get("/users/me", headers=bearer(tokens["access_token"]))
    assert (me.status_code, me.headers.get("WWW-Authenticate")) == (401, 'Bearer error="invalid_token"')
    assert error_of(refresh(client, tokens["refresh_token"])) == REFUSED


def error_of(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("error")


def refresh_at_once(servers: list[Server], token: str) -> list[tuple[int, Any]]:
    """Send the token once to each server. Return the statuses and the bodies.

    All servers first wait for the body, so they continue within a millisecond. From threads, the requests would come
    one after the other.
    """
    body = urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(accepted(served, body)) for served in servers]
        for connection in connections:
            connection.send(body)
        answers = [connection.getresponse() for connection in connections]
        return [(answer.status, json.load(answer)) for answer in answers]


@pytest.mark.parametrize("attempt", range(3))
def test_of_many_refreshes_at_once_at_most_one_succeeds_and_the_session_ends(
    served: Server, replica: Server, client: httpx.Client, attempt: int
) -> None:
    """Repeat it: at first the servers still open connections, one after the other."""
    tokens = start(client)
    answers = refresh_at_once([served, replica] * (AT_ONCE // 2), tokens["refresh_token"])

    won = [said for status, said in answers if status == 200]
    assert len(won) <= 1
    assert [(status, said["error"]) for status, said in answers if said not in won] == [REFUSED] * (AT_ONCE - len(won))
    with connect(replica) as other:
        for each in (tokens, *won):
            assert_ended(client, each)
            assert_ended(other, each)


def test_a_used_token_that_comes_back_after_a_restart_ends_its_session_for_good(
    client: httpx.Client, service: Service
) -> None:
    """The process that gets the used token has never seen the session, and ends before the others are called."""
    used = start(client)
    present = refresh(client, used["refresh_token"]).raise_for_status().json()
    with serve(service) as restarted, connect(restarted) as other:
        assert error_of(refresh(other, used["refresh_token"])) == REFUSED
        assert_ended(other, present)
    assert_ended(client, present)
