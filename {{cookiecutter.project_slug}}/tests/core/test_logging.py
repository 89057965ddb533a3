import json
import logging
import sys
from collections.abc import Iterator

import pytest

from app.core.logging import JSONFormatter, TextFormatter, configure_logging, request_id
from app.settings import Settings


def format_record(**attributes: object) -> dict[str, object]:
    record = logging.LogRecord("app", logging.INFO, "", 0, "hello %s", ("you",), None)
    vars(record).update(attributes)
    line = JSONFormatter().format(record)
    assert "\n" not in line
    parsed: dict[str, object] = json.loads(line)
    return parsed


def test_a_line_is_json() -> None:
    line = format_record(client="127.0.0.1")

    assert str(line.pop("time")).endswith("+00:00")
    assert line == {"level": "INFO", "logger": "app", "message": "hello you", "client": "127.0.0.1"}


def test_a_line_names_its_request() -> None:
    token = request_id.set("r-1")
    try:
        assert format_record()["request_id"] == "r-1"
    finally:
        request_id.reset(token)


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("reason")
    except ValueError:
        line = format_record(exc_info=sys.exc_info())

    assert "ValueError: reason" in str(line["exception"])


def test_a_line_for_people_has_its_traceback_below() -> None:
    try:
        raise ValueError("reason")
    except ValueError:
        record = logging.LogRecord("app", logging.ERROR, "", 0, "hello %s", ("you",), sys.exc_info())

    first, *_, last = TextFormatter().format(record).splitlines()
    assert (first, last) == ("ERROR    hello you", "ValueError: reason")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = kept


def test_production_logs_json(settings: Settings, root: logging.Logger) -> None:
    configure_logging(settings.model_copy(update={"environment": "production"}))
    assert isinstance(root.handlers[0].formatter, JSONFormatter)
    configure_logging(settings)
    assert not isinstance(root.handlers[0].formatter, JSONFormatter)


def test_of_a_websocket_the_log_has_the_path_but_not_the_query(
    settings: Settings, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(settings)

    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/live?token=hush")

    assert capsys.readouterr().err == 'INFO     127.0.0.1:1 - "WebSocket /live" [accepted]\n'
