"""Silence the loggers of libraries: `with silenced("trafilatura"):`. We report their faults ourselves, once."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_blocks = Counter[str]()  # blocks of all threads that silence a logger now
_levels: dict[str, int] = {}  # of those loggers before


@contextmanager
def silenced(*names: str) -> Iterator[None]:
    """Silence these loggers in the block; they speak again when the last block of any thread is done."""
    with _lock:
        for name in names:
            if not _blocks[name]:
                _levels[name] = logging.getLogger(name).level
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            _blocks[name] += 1
    try:
        yield
    finally:
        with _lock:
            for name in names:
                _blocks[name] -= 1
                if not _blocks[name]:
                    logging.getLogger(name).setLevel(_levels.pop(name))
