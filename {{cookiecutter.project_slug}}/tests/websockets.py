"""Opens WebSockets of an application in this process: httpx has none."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

REFUSED = {"type": "websocket.close", "code": 1008}


async def call(app: FastAPI, path: str, headers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Connect, send nothing, and hang up. Return what the application sent, as ASGI's messages."""
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, Any]:
        return next(received, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"Host": "localhost", **(headers or {})}
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "subprotocols": [],
    }
    await app(scope, receive, send)
    return sent
