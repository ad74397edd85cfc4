"""How far long work is, on stderr: `with progress("tagged", "sentences") as report: report(done, total)`.

In a terminal it is a bar. In a pipe it is nothing, or with `lines` a line for each report.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Report(Protocol):
    """Takes how much is done of how much, and what to show beside it; without a text, the two numbers."""

    def __call__(self, done: int, total: int, text: str = "", /) -> None: ...


@contextmanager
def progress(verb: str, unit: str, *, lines: bool = False) -> Iterator[Report]:
    """Give a function to be called with (done, total).

    >>> with progress("tagged", "sentences") as report:
    ...     report(50, 100)
    """
    if not sys.stderr.isatty():

        def print_line(done: int, total: int, text: str = "", /) -> None:
            if lines:
                print(f"{done / max(1, total):4.0%}  {text or f'{done}/{total} {unit}'}", file=sys.stderr, flush=True)

        yield print_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[text]},"), TimeRemainingColumn(), TextColumn("left"))
    with Progress(TextColumn(verb), *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None, text="")

        def move_bar(done: int, total: int, text: str = "", /) -> None:
            bar.update(task, completed=done, total=total, text=text or f"{done}/{total} {unit}")

        yield move_bar
