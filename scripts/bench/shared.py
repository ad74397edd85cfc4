"""What the benchmarks share: work in a process of its own, and which labels are somebody else's words."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from labels.errors import AnnotationError
from labels.scheme import LabelScheme
from train.memory import peak_memory

CLAIM, CONDITION, FRAMING = "quoted_claim", "condition", "editorial_framing"
ATTRIBUTED = (CLAIM, CONDITION)  # a condition is nearly always somebody's words, which a finder of quotations rightly finds


def need_labels(scheme: LabelScheme, names: Sequence[str], place: str) -> None:
    """Raise AnnotationError if the scheme has not the labels a comparison is about."""
    missing = [name for name in names if name not in scheme.names]
    if missing:
        raise AnnotationError(f"{place}: this comparison needs labels {', '.join(missing)}; it has {', '.join(scheme.names)}")


def alone(work: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Do work in a process of its own; return its result and the peak of its memory in MB.

    Raises:
        BrokenProcessPool: the process was killed.
    """
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool, peak_memory(pool.submit(os.getpid).result()) as peak:
        result = pool.submit(work, *arguments).result()
        return result, peak()
