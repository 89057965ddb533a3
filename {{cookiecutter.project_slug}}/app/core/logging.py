"""One line per event: text for people in development, JSON for programs in production."""

import asyncio
import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from app.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# The attributes of every LogRecord. All others came with `extra=` and belong in the line.
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

# No line shows these, but each record would look them up ("Optimization" in Python's logging HOWTO).
UNSHOWN = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")

CANCELS = "Cancel %s running task(s), timeout graceful shutdown exceeded"  # of uvicorn

# `json.dumps` would make a new encoder for each line.
encode = json.JSONEncoder(default=str).encode


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname:8} {_printable(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _printable(message: str) -> str:
    """Escape line ends and control characters: a client could forge lines with them, for example in a path."""
    if message.isprintable():
        return message
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in message)


class JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            line["request_id"] = identifier
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD_ATTRIBUTES}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return encode(line)


def _without_queries(record: logging.LogRecord) -> bool:
    """uvicorn logs the address of each WebSocket with its query, which may carry a token."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
    return True


def _without_cancellations(record: logging.LogRecord) -> bool:
    """uvicorn stops, cancels slow requests, and logs them as errors. Nobody must act, and our middleware names them."""
    if record.msg == CANCELS:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    if not record.exc_info or not isinstance(record.exc_info[1], asyncio.CancelledError):
        return True
    task = asyncio.current_task()
    return task is None or not task.cancelling()  # if it is not cancelled, another one is: a bug


def configure_logging(settings: Settings) -> None:
    """Send all messages, also those of the server, through one handler to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.environment == "production":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(TextFormatter())
    for name in UNSHOWN:
        setattr(logging, name, False)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for drop in (_without_queries, _without_cancellations):
        logging.getLogger("uvicorn.error").addFilter(drop)
    # It logs the start and the end of each job. We log what happens to a task ourselves.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each step of its start
    # Our middleware writes the access log, with the request's id and without the query. Without handlers, uvicorn makes
    # no lines of its own.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
