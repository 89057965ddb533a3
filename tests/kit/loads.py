"""Clients that keep a server busy, and what they were answered."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event

import httpx

from tests.kit.services import bearer

LIMIT = 10  # s: what the contract allows for an answer while the database is away
CLIENTS = 20  # more than a server's pool has connections, so that some wait for one

Ask = Callable[[httpx.Client], httpx.Response]


def get(path: str, token: str = "") -> Ask:
    headers = bearer(token) if token else {}
    return lambda client: client.get(path, headers=headers)


@dataclass(frozen=True)
class Answer:
    asked: float  # s, of time.monotonic
    given: float
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code


@dataclass
class Load:
    """Clients that all send the same request, each again `pause` s after its answer."""

    client: Callable[[], httpx.Client]
    ask: Ask
    pause: float
    over: Event = field(default_factory=Event)
    answers: list[Answer] = field(default_factory=list)

    def run(self) -> None:
        with self.client() as client:
            while not self.over.is_set():
                asked = time.monotonic()
                response = self.ask(client)
                self.answers.append(Answer(asked, time.monotonic(), response))
                self.over.wait(self.pause)

    def run_to_its_end(self) -> None:
        """Do the same, until the server ends and takes no more requests."""
        with suppress(httpx.NetworkError, httpx.RemoteProtocolError):
            self.run()

    def wait_for(self, status: int) -> None:
        """Wait for an answer to a request that is sent from now on."""
        now = time.monotonic()
        self._find(now, lambda answer: answer.asked >= now and answer.status == status)

    def seconds_until(self, status: int, since: float) -> float:
        """Wait for an answer that was given since then. Return how long it took for the first one to come."""
        return self._find(since, lambda answer: answer.given >= since and answer.status == status).given - since

    def _find(self, since: float, fits: Callable[[Answer], bool]) -> Answer:
        while (found := next(filter(fits, self.answers), None)) is None:
            assert time.monotonic() < since + LIMIT, f"The last answers are {self.answers[-3:]}."
            time.sleep(0.05)
        return found

    def statuses(self) -> set[int]:
        return {each.status for each in self.answers}


@contextmanager
def load(
    client: Callable[[], httpx.Client], ask: Ask, clients: int = CLIENTS, *, pause: float = 0.05, ends: bool = False
) -> Iterator[Load]:
    """Let new clients send requests. Raises httpx.TransportError, at the end, if one got no answer in time.

    `ends`: the server will end meanwhile.
    """
    running = Load(client, ask, pause)
    with ThreadPoolExecutor(clients) as threads:
        started = [threads.submit(running.run_to_its_end if ends else running.run) for _ in range(clients)]
        try:
            yield running
        finally:
            running.over.set()
    for each in started:
        each.result()


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["detail"]
