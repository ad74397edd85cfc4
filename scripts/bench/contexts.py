"""Train the ways of context on the same split with several seeds and say which one pays.

    python -m scripts.compare_contexts configs/real.yaml --seeds 13

Batches hold about the same number of tokens in each; the config's own context is the config's own run, in its own sizes.
Finished runs are not repeated. The result is written to scripts/measured/contexts.json, which the README shows. Scores are of
the test split: compare when the settings are final, and choose by what training says of validation. Rows of contexts that were
measured before stay.
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
SIZES = {"single": (128, 64), "window": (256, 8)}  # max_length, inputs a training batch


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--contexts", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    config, contexts, seeds = arguments.config, arguments.contexts, arguments.seeds
    before = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    rows = {row["context"]: row for row in before} | {name: _measure(config, name, seeds) for name in contexts}
    write_whole(PATH, json.dumps(list(rows.values()), indent=1) + "\n")
    print(contexts_table())
    return DONE


def _measure(path: Path, context: str, seeds: list[int]) -> dict[str, Any]:
    from train.config import load_config
    from train.run import train

    measured = ("validation", "macro_f1", "interval", "inherited_f1", "sentences_per_second")
    row: dict[str, Any] = {"context": context} | {name: [] for name in measured}
    length, batch = SIZES[context]
    sizes = [f"model.max_length={length}", f"training.per_device_train_batch_size={batch}"]
    sizes += [f"training.per_device_eval_batch_size={2 * batch}", f"model.context={context}"]
    own = load_config(path)
    for seed in seeds:
        is_own = (context, seed) == (own.model.context, own.seed)
        folder = train(own if is_own else load_config(path, [*sizes, f"seed={seed}", f"name={own.name}-{context}-{seed}"]))
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        row["validation"].append(metrics["validation_macro_f1"])
        row["macro_f1"].append(metrics["test"]["macro_f1"])
        row["interval"].append(metrics["test"]["macro_f1_interval"])
        row["inherited_f1"].append(metrics["test"]["inherited"]["f1"])
        row["sentences_per_second"].append(_speed(folder))
    return row


def _speed(folder: Path) -> float:
    """Return sentences tagged a second over the test predictions, articles as they are, best of three."""
    from models import Tagger

    texts: dict[str, list[str]] = {}
    for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines():
        texts.setdefault(json.loads(line)["article"], []).append(json.loads(line)["text"])
    tagger, seconds = Tagger.load(folder), []
    for _ in range(3):
        start = time.perf_counter()
        tagger.probabilities(list(texts.values()))
        seconds.append(time.perf_counter() - start)
    return sum(map(len, texts.values())) / min(seconds)


if __name__ == "__main__":
    sys.exit(main())
