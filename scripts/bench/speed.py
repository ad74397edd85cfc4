"""Measure the speed of tagging, beside other tools in the same run.

    python -m scripts.bench.speed --model models/artifacts/real

Tagging is measured with torch and with the exported models, beside other tools, on the articles of the validation split. These
also show how often the exported models give the label of the trained one. The result is written to docs/measured/bench.json,
which docs/archives.md shows. Needs the optional groups: pip install 'newsvoice[train,peers]'; a tool that is not installed is
left out.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.commands import DONE, command, execute
from labels.files import write_whole
from models import DEFAULT_MODEL
from scripts.bench.shared import in_separate_process
from scripts.bench.tools import measure
from scripts.tables import MEASURED, bench_table

if TYPE_CHECKING:
    from datasets import Dataset

    from models import Tagger

SIDE = 2048  # rows and columns of the matrices whose product measures the machine


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    from labels.scheme import load_scheme
    from models import Tagger
    from train.config import load_config
    from train.data import load_splits

    config = load_config(arguments.model / "train_config.yaml")
    tagger = Tagger.load(arguments.model)  # first, so that a broken model is reported before any work is done
    splits = load_splits(config.data, load_scheme(config.data.scheme))
    _measure_tagging(arguments.model, tagger, splits["validation"])
    return DONE


def _measure_tagging(model: Path, tagger: "Tagger", validation: "Dataset") -> None:
    """Measure the speed of all tools, score our predictions, write and print the result."""
    import numpy as np

    from models.calibration import calibration_error
    from train.data import labelled_sentences, labelled_values
    from train.evaluation import score_predictions

    articles, (_, gold) = list(validation["texts"]), labelled_sentences(validation)
    rows = measure(model, articles)
    trained_labels = labelled_values(validation, rows[0]["probabilities"]).argmax(axis=1)
    for row in rows:
        if "probabilities" in row:
            probabilities = labelled_values(validation, row.pop("probabilities"))
            labels = probabilities.argmax(axis=1)
            row["same_label"] = float(np.mean(labels == trained_labels))
            row["macro_f1"] = score_predictions(gold, labels, tagger.scheme)["macro_f1"]
            row["ece"] = calibration_error(probabilities, gold)
    peak, _ = in_separate_process(_peak_operations_a_second)
    needed = _operations(tagger, articles) / sum(map(len, articles))
    measured = {
        "model": model.name,
        "articles": len(articles),
        "sentences": sum(map(len, articles)),
        "cores": os.cpu_count(),
        "peak_gflops": peak / 1e9,
        "gflop_a_sentence": needed / 1e9,
        "stages": _stages(tagger, articles),
        "rows": rows,
    }
    write_whole(MEASURED / "bench.json", json.dumps(measured, indent=1) + "\n")
    print(bench_table())


def _peak_operations_a_second() -> float:
    """Return the floating-point operations a second of this machine's fastest product of two square matrices."""
    import torch

    first, second, seconds = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE), []
    for _ in range(8):
        start = time.perf_counter()
        first @ second
        seconds.append(time.perf_counter() - start)
    return 2.0 * SIDE**3 / min(seconds)


def _operations(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> float:
    """Return the number of floating-point operations that tagging the articles takes, padding included."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop

    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop}  # the counter does not know it
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        tagger.probabilities(articles)
    return float(counter.get_total_flops())


def _stages(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the seconds that each stage of tagging takes with torch, one after the other."""
    from labels.articles.boilerplate import find_boilerplate
    from models.contexts import collate
    from models.tagger import batched

    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        seconds[stage] = time.perf_counter() - start
        return result

    boilerplate = timed("boilerplate rules", lambda: [find_boilerplate(texts) for texts in articles])
    shown = [
        [text for text, is_boilerplate in zip(texts, flags, strict=True) if not is_boilerplate]
        for texts, flags in zip(articles, boilerplate, strict=True)
    ]
    rows = timed("tokenising", lambda: [row for texts in shown for row in tagger.tokenizer.encode(texts)])
    batches = list(batched(list(enumerate(rows)), tagger.batch_tokens))
    inputs = timed("padding", lambda: [collate([row for _, row in batch], tagger.tokenizer.pad_id) for batch in batches])
    timed("the encoder", lambda: list(tagger.forward(inputs)))
    return seconds


if __name__ == "__main__":
    sys.exit(main())
