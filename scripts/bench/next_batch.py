"""Measure what scripts/next_batch.py saves: labels needed to come near the full score, against sentences in random order.

    python -m scripts.simulate_next_batch configs/default.yaml

The annotations of record play the annotator. The training events of the config's split are the pool, scores are of its test
events. From the same random start both ways add labels, batch by batch, and a classifier is fitted anew each time. So that a
hundred fits are possible, it is logistic regression on the config's frozen encoder; the figures are of that classifier.
Writes scripts/measured/next_batch.json and docs/next-batch.png.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labels.commands import DONE, command, execute
from labels.files import write_whole
from labels.scheme import load_scheme
from models.arrays import Floats, Ints
from scripts.bench.rivals import embedder
from scripts.tables import MEASURED, next_batch_table
from train.active import choose, margin
from train.config import TrainConfig, load_config

START, BATCH, SHARE = 100, 200, 0.95
PICTURE = Path("docs/next-batch.png")
Pick = Callable[[Floats, Ints], list[int]]  # margins and places of what is left → places to label


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--per-article", type=int, default=10)
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    return simulate(load_config(arguments.config), arguments.seeds, arguments.per_article)


def simulate(config: TrainConfig, seeds: int, per_article: int) -> int:
    """Label in both orders with so many seeds, keep the curves and print them; return an exit code."""
    from train.data import article_places, flat, load_splits

    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    embed = embedder(config)
    (texts, labels), (test_texts, test_labels) = flat(splits["train"]), flat(splits["test"])
    article_of = article_places(splits["train"])
    vectors, test = embed(texts), embed(test_texts)
    article_ids = [scheme.label2id[name] for name in scheme.article_labels]

    def fitted(places: list[int]) -> tuple[float, Any]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score

        model = LogisticRegression(C=10, max_iter=3000, class_weight="balanced").fit(vectors[places], labels[places])
        score = f1_score(test_labels, model.predict(test), labels=article_ids, average="macro", zero_division=0)
        return float(score), model

    full, _ = fitted(list(range(len(labels))))
    curves: dict[str, list[list[float]]] = {"random": [], "next_batch": []}
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        start = generator.permutation(len(labels))[:START].tolist()

        def at_random(_: Floats, left: Ints, generator: Any = generator) -> list[int]:
            return list(generator.permutation(left)[:BATCH])

        def least_sure(margins: Floats, left: Ints) -> list[int]:
            found = choose(margins, [texts[i] for i in left], article_of[left].tolist(), BATCH, per_article)
            return [int(left[i]) for i in found]

        for name, pick in (("random", at_random), ("next_batch", least_sure)):
            curves[name].append(_curve(start, pick, fitted, vectors, full))
            print(f"seed {seed}, {name}: {_needed(curves[name][-1], full)} labels", file=sys.stderr)
    found: dict[str, Any] = {"sentences": len(labels), "test": len(test_labels), "full": full, "start": START, "batch": BATCH}
    found |= {"needed": {name: [_needed(curve, full) for curve in of] for name, of in curves.items()}, "curves": curves}
    write_whole(MEASURED / "next_batch.json", json.dumps(found) + "\n")
    _draw(found)
    print(next_batch_table())
    return DONE


def _curve(
    start: list[int], pick: Pick, fitted: Callable[[list[int]], tuple[float, Any]], vectors: Floats, full: float
) -> list[float]:
    """Return macro F1 after each batch, until it has been near the full score three times running, or nothing is left."""
    known, scores = list(start), []
    while True:
        score, model = fitted(known)
        scores.append(score)
        left = np.setdiff1d(np.arange(len(vectors)), known)
        if not len(left) or (len(scores) > 3 and min(scores[-3:]) >= SHARE * full):
            return scores
        known += pick(margin(model.predict_proba(vectors[left])), left)


def _needed(curve: list[float], full: float) -> int:
    """Return the labels after which the score stays within reach of the full one."""
    below = [number for number, score in enumerate(curve) if score < SHARE * full]
    return START + BATCH * (max(below, default=-1) + 1)


def _draw(found: dict[str, Any]) -> None:
    from train.figures import curves_png

    with curves_png(PICTURE, "labelled sentences", "macro F1, test events") as axes:
        for name, colour, title in (("random", "#5f6368", "random order"), ("next_batch", "#1d5fa8", "least certain first")):
            length = min(map(len, found["curves"][name]))
            scores = np.array([curve[:length] for curve in found["curves"][name]])
            counts = START + BATCH * np.arange(length)
            axes.fill_between(counts, scores.min(axis=0), scores.max(axis=0), alpha=0.15, color=colour, linewidth=0)
            axes.plot(counts, scores.mean(axis=0), color=colour, label=title)
        axes.axhline(SHARE * found["full"], color="#999999", linestyle=":", linewidth=1)


if __name__ == "__main__":
    sys.exit(main())
