"""One line per event: for people while developing, JSON for machines in production."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from app.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What a LogRecord has of its own; the rest came with `extra=` and belongs in the line.
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

# What no line shows, and what each record would look up ("Optimization" in Python's logging HOWTO).
UNSHOWN = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")

# `json.dumps` would make one anew for each line.
encode = json.JSONEncoder(default=str).encode


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname:8} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


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


def configure_logging(settings: Settings) -> None:
    """Send everything, the server's own messages too, through one handler to standard error."""
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
    # It says of each job that it comes and goes; what happens to a task is logged where it runs.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each step of its own start
    # Our own middleware writes the access log, with the request's id and no query string. Where nobody listens to
    # uvicorn's, it makes no lines either.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
