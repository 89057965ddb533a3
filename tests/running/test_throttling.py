"""Failed logins: Redis counts them for two servers. While Redis is away, each server counts by itself."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice

import httpx
import pytest

from tests.kit.servers import START_LIMIT, Redis, Server, redis_or_skip
from tests.kit.services import USERNAME, Service, connect, create_superuser, log_in, serve

OTHER_USER = "grace"
OTHER_ADDRESS = "127.0.0.2"
WINDOW = 15 * 60  # s


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with redis_or_skip() as redis:
        yield redis


@pytest.fixture(scope="module")
def replicas(prepared: Service, redis: Redis) -> Iterator[list[Server]]:
    create_superuser(prepared, OTHER_USER)
    with ExitStack() as stack:
        yield [stack.enter_context(serve(prepared.with_env(REDIS_URL=redis.url))) for _ in range(2)]


@pytest.fixture
def clients(replicas: list[Server]) -> Iterator[list[httpx.Client]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(replica)) for replica in replicas]


def connect_from(address: str, served: Server) -> httpx.Client:
    return httpx.Client(base_url=served.url, transport=httpx.HTTPTransport(local_address=address), timeout=60)


def fail(clients: Sequence[httpx.Client], count: int, username: str) -> list[httpx.Response]:
    """Try that many wrong passwords, in turn at each server."""
    return [log_in(client, username, f"wrong {number}") for number, client in enumerate(islice(cycle(clients), count))]


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_replicas_answer_five_failures_between_them(clients: list[httpx.Client]) -> None:
    answers = fail(clients, 50, USERNAME)
    answers += [log_in(client) for client in clients]
    assert statuses(answers) == [401] * 5 + [429] * 47
    assert all(WINDOW - 120 <= int(answer.headers["Retry-After"]) <= WINDOW for answer in answers[5:])


def test_another_user_and_another_address_are_not_touched(replicas: list[Server], clients: list[httpx.Client]) -> None:
    assert statuses(fail(clients, 6, USERNAME))[-1] == 429
    for replica, client in zip(replicas, clients, strict=True):
        assert log_in(client, OTHER_USER).status_code == 200
        with connect_from(OTHER_ADDRESS, replica) as elsewhere:
            assert log_in(elsewhere).status_code == 200


def test_logins_go_on_while_redis_is_away_and_when_it_is_back(
    redis: Redis, replicas: list[Server], clients: list[httpx.Client]
) -> None:
    redis.kill()
    for client in clients:
        assert log_in(client, OTHER_USER).status_code == 200
        assert statuses(fail([client], 6, OTHER_USER)) == [401] * 5 + [429]

    redis.start()
    for replica, client in zip(replicas, clients, strict=True):
        log_in_until(client, replica, "Redis is back.")
    assert statuses(fail(clients, 6, OTHER_USER)) == [401] * 5 + [429]
    assert "Traceback" not in "".join(replica.log() for replica in replicas)


def log_in_until(client: httpx.Client, served: Server, text: str) -> None:
    """While the servers have something to count, they try Redis again every 5 s."""
    deadline = time.monotonic() + START_LIMIT
    while text not in served.log():
        assert time.monotonic() < deadline, served.log()
        assert log_in(client).status_code == 200
