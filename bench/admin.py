"""Measures a page of the admin site with a thousand users and with a million.

    python -m bench.admin [--python PATH] [--users N]

It measures the list of users like `bench.users`, with the session of a browser. The limits are the same.
"""

import sys
from urllib.parse import urlencode

import httpx

from bench import PASSWORD, USERNAME
from bench.users import Queries, run
from tests.kit.servers import LOOPBACK, Server

# Each page is full, even with few users, so that writing it takes the same time.
CASES: Queries = {
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


async def pages_of(server: Server) -> dict[str, bytes]:
    form = {"username": USERNAME, "password": PASSWORD}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{server.url}/admin/login", data=form)
    tail = f" HTTP/1.1\r\nHost: {LOOPBACK}\r\nCookie: {answer.headers['Set-Cookie'].partition(';')[0]}\r\n\r\n"
    return {name: f"GET /admin/user/list?{urlencode(query)}{tail}".encode() for name, query in CASES.items()}


if __name__ == "__main__":
    sys.exit(run(pages_of, CASES))
