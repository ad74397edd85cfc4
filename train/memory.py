"""How much memory a process takes: `memory_mb(pid)` now, `with peak_memory() as peak: ...; peak()` at most."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 0.05  # between two looks: what is taken for a shorter time may be missed


def memory_mb(process: int | None = None) -> int:
    """Return the resident memory of a process, this one if no number is given, in MB (2^20 bytes)."""
    import psutil

    return round(psutil.Process(process).memory_info().rss / 2**20)


@contextmanager
def peak_memory(process: int | None = None) -> Iterator[Callable[[], int]]:
    """Watch a process; give a function that returns the most resident memory it has had so far, in MB."""
    import psutil

    watched, ended = psutil.Process(process), threading.Event()
    most = 0

    def look() -> int:
        nonlocal most
        try:
            most = max(most, round(watched.memory_info().rss / 2**20))
        except psutil.Error:  # it has ended
            ended.set()
        return most

    def watch() -> None:
        while not ended.wait(SECONDS):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield look
    finally:
        ended.set()
        thread.join()
