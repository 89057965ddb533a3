import sys
from io import StringIO

import pytest

from app.core.cli.console import print_table, progress, say


def test_in_a_pipe_a_table_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B", "C"), [("1", "[red]", ""), ("333", "2", "é")])

    assert capsys.readouterr().out == "1    [red]\n333  2      é\n"


def test_an_empty_table_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A",), [])

    assert capsys.readouterr().out == ""


def test_in_a_pipe_a_line_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    say(("a", "red"), " [b] ", ("c", "dim"))

    assert capsys.readouterr() == ("", "a [b] c\n")


def test_in_a_pipe_nothing_is_seen_of_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Working", 2) as advance:
        advance(1)
        print("a word")

    assert capsys.readouterr() == ("a word\n", "")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_printed_meanwhile_goes_where_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")

    with progress("Working", 2) as advance:
        advance(1)
        print("a word")

    assert capsys.readouterr().out == "a word\n"
    assert "Working" in terminal.getvalue()
    assert "1/2" in terminal.getvalue()
