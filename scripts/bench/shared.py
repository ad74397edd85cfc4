"""What the benchmarks share: work in a separate process, and which labels are somebody else's words."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from labels.errors import AnnotationError
from labels.scheme import LabelScheme
from train.memory import peak_memory

CLAIM, CONDITION, FRAMING = "quoted_claim", "condition", "editorial_framing"
ATTRIBUTED = (CLAIM, CONDITION)  # a condition is nearly always somebody's words, so tools that find quotations find it too


def need_labels(scheme: LabelScheme, names: Sequence[str], place: str) -> None:
    """Check that a scheme has the labels that a comparison needs.

    Raises:
        AnnotationError: it lacks one; `place` says where the scheme comes from.
    """
    missing = [name for name in names if name not in scheme.names]
    if missing:
        raise AnnotationError(
            f"{place}: this comparison needs the labels {', '.join(missing)}; the scheme has {', '.join(scheme.names)}"
        )


def in_separate_process(work: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Call a function in a new process; return its result and the peak memory of the process in MB.

    Raises:
        BrokenProcessPool: the process was killed.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool, peak_memory(pool.submit(os.getpid).result()) as peak:
        result = pool.submit(work, *arguments).result()
        return result, peak()
