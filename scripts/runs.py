"""What the scripts that compare share: training on other articles, work in a process of its own, labels of others' words."""

import multiprocessing
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from labels.annotations import AnnotatedArticle, write_corpus
from labels.errors import AnnotationError, writing
from labels.scheme import LabelScheme
from train.config import TrainConfig

CLAIM, CONDITION, FRAMING = "quoted_claim", "condition", "editorial_framing"
ATTRIBUTED = (CLAIM, CONDITION)  # a condition is nearly always somebody's words, which a finder of quotations rightly finds


def need_labels(scheme: LabelScheme, names: Sequence[str], place: str) -> None:
    """Raise AnnotationError if the scheme has not the labels a comparison is about."""
    missing = [name for name in names if name not in scheme.names]
    if missing:
        raise AnnotationError(f"{place}: this comparison needs labels {', '.join(missing)}; it has {', '.join(scheme.names)}")


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that fix their split; a finished run is not repeated. Returns the artefact folder."""
    from train.trainer import train

    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))


def alone(work: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Do work in a process of its own; return its result and the peak of its memory in MB.

    Raises:
        BrokenProcessPool: the process was killed.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result(), pool.submit(_peak_memory_mb).result()


def memory_mb(field: str, process: int | str = "self") -> int:
    """Return a size out of what Linux says of a process, in MB: VmRSS is what it has now, VmHWM the peak."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return round(int(next(line for line in lines if line.startswith(field)).split()[1]) / 2**10)


def _peak_memory_mb() -> int:
    """Return the peak of this process; on Linux ru_maxrss would start at what the parent had."""
    if not Path("/proc/self/status").exists():
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    return memory_mb("VmHWM")
