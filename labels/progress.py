"""Show the progress of long work on stderr: `with progress("tagged", "sentences") as report: report(done, total)`.

A terminal shows a bar. A pipe gets nothing, or with `lines` one line per report.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Report(Protocol):
    """A function that shows `done` of `total`, with a text beside it; without a text, with the two numbers."""

    def __call__(self, done: int, total: int, text: str = "", /) -> None: ...


@contextmanager
def progress(verb: str, unit: str, *, lines: bool = False) -> Iterator[Report]:
    """Yield a function to call with (done, total) as the work goes on.

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
