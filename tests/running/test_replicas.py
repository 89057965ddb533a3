"""Three servers with one database and one Redis, behind nginx as `deploy/nginx.conf` configures it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.kit.loads import get, load
from tests.kit.proxying import nginx_site, self_signed, trusting
from tests.kit.servers import Nginx, PostgreSQL, Redis, free_port, nginx_or_skip, redis_or_skip
from tests.kit.services import (
    Service,
    add_user,
    bearer,
    connect,
    log_in,
    prepare,
    refresh,
    refresh_at_once,
    serve,
    token_of,
)

COUNT = 3
READER, VICTIM = "grace", "eve"


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with redis_or_skip() as redis:
        yield redis


@pytest.fixture(scope="module")
def replicated(plain: Service, cluster: PostgreSQL, redis: Redis) -> Service:
    """Hashes are cheap: they are not the subject."""
    url = cluster.create_database("replicated")
    return prepare(plain.with_env(DATABASE_URL=url, REDIS_URL=redis.url, BCRYPT_ROUNDS="4"))


class Replica:
    """A server that is started again at the same port."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._port = free_port()
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        self.server = self._stack.enter_context(serve(self._service, self._port))

    def stop(self) -> None:
        """It gets SIGTERM, and must end in time."""
        self._stack.close()


@pytest.fixture(scope="module")
def replicas(replicated: Service) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        replicas: list[Replica] = []
        for _ in range(COUNT):
            replicas.append(Replica(replicated))
            stack.callback(replicas[-1].stop)
        for username in (READER, VICTIM):
            add_user(replicas[0].server, username)
        yield replicas


@pytest.fixture
def clients(replicas: list[Replica]) -> Iterator[list[httpx.Client]]:
    """One of each server."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(replica.server)) for replica in replicas]


@dataclass(frozen=True)
class Proxy:
    """nginx before the servers."""

    nginx: Nginx
    project: Path
    port: int
    certificate: Path

    def connect(self, *, keep: bool = True) -> httpx.Client:
        """A client that keeps its connection to the proxy, while nginx goes through the servers in turn."""
        limits = httpx.Limits() if keep else httpx.Limits(max_keepalive_connections=0)
        trusted = trusting(self.certificate)
        url = f"https://localhost:{self.port}"
        return httpx.Client(base_url=url, verify=trusted, trust_env=False, timeout=60, limits=limits)

    @contextmanager
    def without(self, replica: Replica, replicas: list[Replica]) -> Iterator[None]:
        """Let nginx send this server nothing, as `docs/deployment-server.md` says."""
        self._send_to([each for each in replicas if each is not replica])
        yield
        self._send_to(replicas)

    def _send_to(self, replicas: list[Replica]) -> None:
        ports = [replica.server.port for replica in replicas]
        self.nginx.reload(nginx_site(self.project, ports, self.port, self.certificate))


@pytest.fixture(scope="module")
def proxy(plain: Service, replicas: list[Replica], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    port, certificate = free_port(), self_signed(tmp_path_factory.mktemp("nginx"))
    site = nginx_site(plain.project, [replica.server.port for replica in replicas], port, certificate)
    with nginx_or_skip(site, port) as running:
        yield Proxy(running, plain.project, port, certificate)


def test_what_one_server_ends_another_refuses_at_once(clients: list[httpx.Client]) -> None:
    for number in range(COUNT):
        first, second, third = (*clients[number:], *clients[:number])
        session = log_in(first).raise_for_status().json()
        headers = bearer(session["access_token"])
        assert third.get("/users/me", headers=headers).status_code == 200
        second.post("/token/revoke", data={"token": session["refresh_token"]}).raise_for_status()
        assert third.get("/users/me", headers=headers).status_code == 401
        assert refresh(third, session["refresh_token"]).json()["error"] == "invalid_grant"


def test_wrong_logins_are_counted_once_for_all_servers(proxy: Proxy, replicas: list[Replica]) -> None:
    with proxy.connect() as client:
        before = [replica.server.log().count("POST /token") for replica in replicas]
        statuses = [log_in(client, VICTIM, f"wrong {number}").status_code for number in range(30)]
        statuses += [log_in(client, VICTIM).status_code for _ in range(COUNT)]
    assert statuses == [401] * 5 + [429] * (25 + COUNT)
    for replica, count in zip(replicas, before, strict=True):
        assert replica.server.log().count("POST /token") - count >= 10


def test_of_twenty_refreshes_over_all_servers_at_most_one_succeeds(
    clients: list[httpx.Client], replicas: list[Replica]
) -> None:
    tokens = log_in(clients[0]).raise_for_status().json()
    everywhere = [replica.server for replica in replicas]
    answers = refresh_at_once((everywhere * 7)[:20], tokens["refresh_token"])
    won = [said for status, said in answers if status == 200]
    assert len(won) <= 1
    assert [said["error"] for status, said in answers if status == 400] == ["invalid_grant"] * (20 - len(won))
    for client in clients:  # a used token came back, so the session has ended
        for each in (tokens, *won):
            assert client.get("/users/me", headers=bearer(each["access_token"])).status_code == 401


def test_a_rolling_restart_fails_no_request(proxy: Proxy, replicas: list[Replica]) -> None:
    """The clients make a new connection each time: nginx closes idle ones when it is told of another configuration."""
    token = token_of(replicas[0].server, READER)
    clients = partial(proxy.connect, keep=False)
    with load(clients, get("/users/me", token), 4) as readers, load(clients, log_in, 2) as logins:
        for replica in replicas:
            readers.wait_for(200)
            logins.wait_for(200)
            with proxy.without(replica, replicas):
                replica.stop()
                replica.start()
        readers.wait_for(200)
        logins.wait_for(200)
    assert readers.statuses() == logins.statuses() == {200}


def test_a_restart_that_nginx_is_not_told_of_fails_no_request_that_may_be_sent_twice(
    proxy: Proxy, replicas: list[Replica]
) -> None:
    """nginx sends no login a second time, since the first server may have taken it."""
    token = token_of(replicas[0].server, READER)
    with load(proxy.connect, get("/users/me", token), 4) as readers, load(proxy.connect, log_in, 1) as logins:
        replicas[0].stop()
        replicas[0].start()
        readers.wait_for(200)
        logins.wait_for(200)
    assert readers.statuses() == {200}
    assert logins.statuses() <= {200, 502}
