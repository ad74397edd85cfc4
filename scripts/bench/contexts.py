"""Compare the contexts, single sentences and windows: train each on the same split, with several seeds.

    python -m scripts.bench.contexts configs/real.yaml --seeds 13

Training batches hold about the same number of tokens in each context. For the config's own context and seed, the run is that of
the config itself, with its own sizes. Finished runs are not repeated. The result is written to docs/measured/contexts.json,
which docs/results.md shows. It holds scores of the test split: compare when the settings are final, and choose by validation
scores.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from labels.commands import DONE, command, execute
from labels.files import write_whole
from scripts.tables import MEASURED, contexts_table

PATH = MEASURED / "contexts.json"
SIZES = {"single": (128, 64), "window": (256, 8)}  # context: max_length, inputs in a training batch


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--contexts", nargs="+", choices=SIZES, default=list(SIZES), help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13], metavar="N", help="default: 13")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    config, contexts, seeds = arguments.config, arguments.contexts, arguments.seeds
    earlier = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    rows = {row["context"]: row for row in earlier} | {context: _measure(config, context, seeds) for context in contexts}
    write_whole(PATH, json.dumps(list(rows.values()), indent=1) + "\n")
    print(contexts_table())
    return DONE


def _measure(path: Path, context: str, seeds: list[int]) -> dict[str, Any]:
    """Train a config in a context with each seed; return a row of lists, with one entry for each seed."""
    from train.config import load_config
    from train.run import train

    columns = ("validation", "macro_f1", "interval", "inherited_f1", "sentences_per_second")
    row: dict[str, Any] = {"context": context} | {column: [] for column in columns}
    length, batch = SIZES[context]
    overrides = [f"model.context={context}", f"model.max_length={length}"]
    overrides += [f"training.per_device_train_batch_size={batch}", f"training.per_device_eval_batch_size={2 * batch}"]
    unchanged = load_config(path)
    for seed in seeds:
        config = unchanged
        if (context, seed) != (unchanged.model.context, unchanged.seed):
            config = load_config(path, [*overrides, f"seed={seed}", f"name={unchanged.name}-{context}-{seed}"])
        folder = train(config)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        row["validation"].append(metrics["validation_macro_f1"])
        row["macro_f1"].append(metrics["test"]["macro_f1"])
        row["interval"].append(metrics["test"]["macro_f1_interval"])
        row["inherited_f1"].append(metrics["test"]["inherited"]["f1"])
        row["sentences_per_second"].append(_speed(folder))
    return row


def _speed(folder: Path) -> float:
    """Return how many sentences a model tags in a second, on the labelled test sentences by article, best of three rounds."""
    from models import Tagger

    texts: dict[str, list[str]] = {}
    for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        texts.setdefault(row["article"], []).append(row["text"])
    tagger, seconds = Tagger.load(folder), []
    for _ in range(3):
        start = time.perf_counter()
        tagger.probabilities(list(texts.values()))
        seconds.append(time.perf_counter() - start)
    return sum(map(len, texts.values())) / min(seconds)


if __name__ == "__main__":
    sys.exit(main())
