"""One line per event: for people while developing, JSON for machines in production."""

import json
import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from starlette.types import Scope

from app.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What a LogRecord has of its own; the rest came with `extra=` and belongs in the line.
STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

# `json.dumps` would make one anew for each line.
encode = json.JSONEncoder(default=str).encode

access_logger = logging.getLogger("app.access")


class AccessRecord(logging.LogRecord):
    """One request in the log, without its query, which may carry a token.

    Python's own initialiser asks for the file, the process and the thread each time, and the logger's methods walk the
    stack besides: that costs more than to format the line and to write it.
    """

    alike = vars(logging.LogRecord(access_logger.name, logging.INFO, __file__, 0, "%s %s %d %.1f ms", (), None))

    def __init__(self, scope: Scope, status: int, seconds: float) -> None:
        vars(self).update(self.alike)
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.args = (scope["method"], scope["path"], status, seconds * 1000)
        self.client = scope["client"][0] if scope.get("client") else None


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


class LineHandler(logging.StreamHandler[TextIO]):
    """For standard error, which is flushed at the end of each line as it is: no need to do it again."""

    def flush(self) -> None:
        pass


def configure_logging(settings: Settings) -> None:
    """Send everything, the server's own messages too, through one handler to standard error."""
    handler = LineHandler(sys.stderr)
    if settings.environment == "production":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # It says of each message that it comes and goes; what happens to a task is logged where it runs.
    logging.getLogger("taskiq").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each step of its own start
    # Our own middleware writes the access log, with the request's id and no query string. Where nobody listens to
    # uvicorn's, it makes no lines either.
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
