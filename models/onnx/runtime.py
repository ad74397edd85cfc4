"""Run an exported model (models/onnx/export.py) with onnxruntime, without torch: `load_onnx(artifact)`."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from labels.errors import ConfigError
from models.arrays import Floats
from models.artifact import Artifact, broken
from models.contexts import ArticleTokenizer, Batch, Forward

ONNX_BATCH_TOKENS = 1  # a row at a time: nothing to pad, and in eight bits nothing beside a row changes its scale


def load_onnx(artifact: Artifact) -> tuple[Forward, ArticleTokenizer]:
    """Load the model of an exported artifact, as a function from batches to their logits, and its tokenizer.

    A row runs on one core, as many at once as this process may use, or OMP_NUM_THREADS says: small products gain nothing
    from being shared out.

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
    options.log_severity_level = 3  # its advice is for programmers
    try:
        session = onnxruntime.InferenceSession(
            artifact.weights,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # its operation takes four times what the two it stands for do
        )
        tokenizer = ArticleTokenizer.load(artifact.folder, artifact.context)
    except Exception as error:  # neither library's exceptions have a common class
        raise broken(artifact.folder, error, "export it again, or update onnxruntime") from error

    names = [node.name for node in session.get_inputs()]

    def run(batch: Batch) -> Floats:
        logits: Floats = session.run(None, {name: batch[name] for name in names})[0]
        return logits

    def forward(batches: Iterable[Batch]) -> Iterator[Floats]:
        at_once = cores()
        pool, under_way = ThreadPoolExecutor(at_once), deque[Future[Floats]]()
        try:
            for batch in batches:
                under_way.append(pool.submit(run, batch))
                if len(under_way) > 2 * at_once:  # no more, for memory's sake
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # interrupted, it does not wait for what has not begun

    return forward, tokenizer


def cores() -> int:
    """Return how many rows run at once."""
    if said := os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]:
        return max(1, int(said)) if said.isdecimal() else 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
