"""How much longer a page of the admin site takes with a million users than with a thousand.

    python -m bench.admin [--python PATH] [--users N]

As `bench.users` does, with the list of users in a browser that is logged in: CPU time of the server, and of the
PostgreSQL that works for it, per page. The exit status is 1 where the limit is missed.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from bench import PASSWORD, USERNAME
from bench.logins import Connection
from bench.requests import cpu_nanoseconds
from bench.users import FEW, Subject, run
from tests.servers import LOOPBACK

LIMIT = 1.5  # times what it takes with few
ROUNDS = 12
REQUESTS = 5  # a round

# Each page is full, with few users too, so that it takes the same time to write.
CASES = {
    "first page": {},
    "page 20": {"page": "20"},
    "who joined last": {"sortBy": "date_joined", "sort": "desc"},
    "search that finds 100": {"search": "user00000"},
    "search that finds all": {"search": "user"},
    "search that finds 100, by who joined last": {"search": "user00000", "sortBy": "date_joined", "sort": "desc"},
    "search that finds all, by who joined last": {"search": "user", "sortBy": "date_joined", "sort": "desc"},
    "a tenth that is disabled": {"disabled": "true"},
    "60 who are staff": {"is_staff": "true"},
}


@dataclass
class Browser:
    """Somebody who is logged in to the admin site of a project that serves so many users."""

    subject: Subject
    cookie: str = ""
    times: dict[str, float] = field(default_factory=dict)

    async def warm_up(self) -> None:
        server = self.subject.server
        form = {"username": USERNAME, "password": PASSWORD}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{server.url}/admin/login", data=form)
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        for case in CASES:
            await self.send(case)
        self.subject.processes = [server.process.pid, *self.subject.backends()]

    async def send(self, case: str, times: int = 1) -> None:
        path = f"/admin/user/list?{urlencode(CASES[case])}"
        head = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nCookie: {self.cookie}\r\n\r\n"
        connection = Connection(self.subject.server.port)
        await connection.open()
        for _ in range(times):
            await connection.send(head.encode())
        connection.close()

    async def measure(self, case: str) -> None:
        before = sum(map(cpu_nanoseconds, self.subject.processes))
        await self.send(case, REQUESTS)
        spent = (sum(map(cpu_nanoseconds, self.subject.processes)) - before) / REQUESTS / 10**6
        self.times[case] = min(spent, self.times.get(case, spent))


async def measure_all(browsers: list[Browser]) -> None:
    for browser in browsers:
        await browser.warm_up()
    for _ in range(ROUNDS):
        for case in CASES:
            for browser in browsers:
                await browser.measure(case)


def report(browsers: list[Browser]) -> bool:
    """Print the table; return whether the limit is kept."""
    kept = True
    for few, many in zip(browsers[::2], browsers[1::2], strict=True):
        print(f"{f'{few.subject.database}, ms of CPU':50}{FEW:>10}{many.subject.count:>10}{'ratio':>8}")
        for case, milliseconds in few.times.items():
            ratio = many.times[case] / milliseconds
            kept = kept and ratio <= LIMIT
            print(f"{case:50}{milliseconds:>10.2f}{many.times[case]:>10.2f}{ratio:>8.2f}")
    return kept


def compare(subjects: list[Subject]) -> bool:
    browsers = [Browser(subject) for subject in subjects]
    asyncio.run(measure_all(browsers))
    return report(browsers)


if __name__ == "__main__":
    sys.exit(run(compare))
