"""Tables, colours and progress on a terminal. In a pipe, for programs: plain text without progress.

Functions import `rich` when they need it, because it takes long to load.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Advance = Callable[[int], None]
Styled = tuple[str, str]
"""A text and its style for `rich`, for example ("core.E001", "bold red")."""


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], unbroken: Sequence[str] = ()) -> None:
    """In a pipe, spaces align the columns, and there is no header. On a narrow terminal, the `unbroken` columns are
    folded last.
    """
    if not sys.stdout.isatty():
        return _print_aligned(rows)
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in header:
        # Fold text, do not cut it: people may need every letter.
        table.add_column(title, overflow="fold", no_wrap=title in unbroken)
    for row in rows:
        table.add_row(*map(Text, row))  # as plain text: brackets are not markup
    Console().print(table)


def _print_aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def say(*parts: str | Styled) -> None:
    """Print one line on standard error."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble(*parts), soft_wrap=True)


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Advance]:
    """Show the progress of the block on standard error. Without a total, show only that it runs, and for how long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    amount = (BarColumn(), MofNCompleteColumn()) if total is not None else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *amount, TimeElapsedColumn())
    # rich may redirect only a terminal: a file or a pipe must get what the block prints.
    with Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(text, total=total)
        yield lambda advance: progress.advance(task, advance)
