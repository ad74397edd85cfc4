"""Measure the memory of a process: `memory_mb(pid)` now; `with peak_memory(pid) as peak: ...; peak()` at most."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERVAL = 0.05  # seconds between two measurements; a shorter peak may be missed


def memory_mb(process: int | None = None) -> int:
    """Return the resident memory of a process, by default of this one, in MB (2^20 bytes)."""
    import psutil

    return round(psutil.Process(process).memory_info().rss / 2**20)


@contextmanager
def peak_memory(process: int | None = None) -> Iterator[Callable[[], int]]:
    """Watch a process; yield a function that returns the highest resident memory so far, in MB (2^20 bytes)."""
    import psutil

    watched, ended = psutil.Process(process), threading.Event()
    highest = 0

    def measure() -> int:
        nonlocal highest
        try:
            highest = max(highest, round(watched.memory_info().rss / 2**20))
        except psutil.Error:  # the process has ended
            ended.set()
        return highest

    def watch() -> None:
        while not ended.wait(INTERVAL):
            measure()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield measure
    finally:
        ended.set()
        thread.join()
