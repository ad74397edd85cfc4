"""Run an exported model (models/onnx/export.py) with onnxruntime, without torch: `load_onnx(artifact)`."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from labels.errors import ConfigError
from models.arrays import Floats
from models.artifact import Artifact, loading_error
from models.contexts import ArticleTokenizer, Batch, Forward

ONNX_BATCH_TOKENS = 1  # a batch is one row: nothing to pad, and in eight bits no other row changes its scale


def load_onnx(artifact: Artifact) -> tuple[Forward, ArticleTokenizer]:
    """Load the model of an exported artifact, as a function from batches to their logits, and its tokenizer.

    Each batch is computed on one core, and so many batches at once as `cores` says: the products of one row are too small to
    be faster on several cores.

    Raises:
        ArtifactError: a file is broken.
        ConfigError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"{artifact.folder}: needs onnxruntime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only: its warnings are advice to programmers
    try:
        session = onnxruntime.InferenceSession(
            artifact.weights,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # four times slower than the two operations it replaces
        )
        tokenizer = ArticleTokenizer.load(artifact.folder, artifact.context)
    except Exception as error:  # the exceptions of onnxruntime and tokenizers have no common class
        raise loading_error(artifact.folder, error, "export it again, or update onnxruntime") from error
    return _forward_of(session), tokenizer


def _forward_of(session: Any) -> Forward:
    """Return a function that runs a model on batches, several at once, and yields their logits in order."""
    names = [node.name for node in session.get_inputs()]

    def run(batch: Batch) -> Floats:
        logits: Floats = session.run(None, {name: batch[name] for name in names})[0]
        return logits

    def forward(batches: Iterable[Batch]) -> Iterator[Floats]:
        threads = cores()
        pool, running = ThreadPoolExecutor(threads), deque[Future[Floats]]()
        try:
            for batch in batches:
                running.append(pool.submit(run, batch))
                if len(running) > 2 * threads:  # a limit on the memory for batches and results
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # after an interruption, batches that have not begun are dropped

    return forward


def cores() -> int:
    """Return how many cores to use: OMP_NUM_THREADS if it is set, else all that this process may use."""
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads:
        return max(1, int(threads)) if threads.isdecimal() else 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
