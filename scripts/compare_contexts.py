"""Train the ways of context on the same split with several seeds and say which one pays.

    python -m scripts.compare_contexts configs/default.yaml configs/window.yaml configs/article.yaml --seeds 13 14 15

Runs that are finished are not repeated. The result is written to scripts/measured/contexts.json, which the README shows.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from labels.errors import DONE, exit_code, write_whole
from scripts.tables import MEASURED, contexts_table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path, metavar="CONFIG")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13, 14, 15])
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments.configs, arguments.seeds))


def _run(configs: list[Path], seeds: list[int]) -> int:
    rows = [_measure(path, seeds) for path in configs]
    write_whole(MEASURED / "contexts.json", json.dumps(rows, indent=1) + "\n")
    print(contexts_table())
    return DONE


def _measure(path: Path, seeds: list[int]) -> dict[str, Any]:
    from train.config import load_config
    from train.trainer import train

    row: dict[str, Any] = {"macro_f1": [], "inherited_f1": [], "seconds": [], "sentences_per_second": []}
    for seed in seeds:
        config = load_config(path, [f"seed={seed}", f"name=compare-{path.stem}-{seed}"])
        folder = train(config)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        row["context"] = config.model.context
        row["macro_f1"].append(metrics["test"]["macro_f1"])
        row["inherited_f1"].append(metrics["test"]["inherited"]["f1"])
        row["seconds"].append(metrics["training"]["seconds"])
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
