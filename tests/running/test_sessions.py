"""Refresh tokens, with processes that share only the database."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.kit.servers import Server
from tests.kit.services import Service, bearer, connect, log_in, refresh, refresh_at_once, serve

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
