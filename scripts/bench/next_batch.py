"""Measure what scripts/next_batch.py saves: how many labels come near the full score, compared with random sentences.

    python -m scripts.bench.next_batch configs/default.yaml

Gold labels stand in for the annotator. The sentences to choose from are those of the training events of the config's split;
scores are of its test events. From the same random start, labels are added batch by batch in both orders, and a classifier is
fitted again after each batch. So that hundreds of fits are possible, it is logistic regression on the config's frozen encoder;
the result holds for that classifier. Writes docs/measured/next_batch.json and docs/next-batch.png.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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

START, BATCH = 100, 200  # labels at the start, and added each time
SHARE = 0.95  # of the full score, which is near enough
PICTURE = Path("docs/next-batch.png")
Pick = Callable[[Floats, Ints], list[int]]  # margins and positions of the unlabelled sentences → positions to label
Fit = Callable[[list[int]], tuple[float, Any]]  # positions of the labelled sentences → macro F1 on test, classifier


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--per-article", type=int, default=10, metavar="N", help="as for next_batch (default: %(default)s)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    return simulate(load_config(arguments.config), arguments.seeds, arguments.per_article)


def simulate(config: TrainConfig, seeds: int, per_article: int) -> int:
    """Label in both orders with so many seeds, write and print the result; return an exit code."""
    from train.data import article_numbers, labelled_sentences, load_splits

    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    embed = embedder(config)
    (texts, labels), (test_texts, test_labels) = labelled_sentences(splits["train"]), labelled_sentences(splits["test"])
    article_of = article_numbers(splits["train"])
    vectors, test_vectors = embed(texts), embed(test_texts)
    article_label_ids = [scheme.label2id[name] for name in scheme.article_labels]

    def fit(labelled: list[int]) -> tuple[float, Any]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score

        model = LogisticRegression(C=10, max_iter=3000, class_weight="balanced").fit(vectors[labelled], labels[labelled])
        predicted = model.predict(test_vectors)
        return float(f1_score(test_labels, predicted, labels=article_label_ids, average="macro", zero_division=0)), model

    def least_certain(margins: Floats, unlabelled: Ints) -> list[int]:
        unlabelled_texts = [texts[position] for position in unlabelled]
        chosen = choose(margins, unlabelled_texts, article_of[unlabelled].tolist(), BATCH, per_article)
        return [int(position) for position in unlabelled[chosen]]

    full, _ = fit(list(range(len(labels))))
    curves: dict[str, list[list[float]]] = {"random": [], "next_batch": []}
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        start = generator.permutation(len(labels))[:START].tolist()
        for name, pick in (("random", partial(_at_random, generator=generator)), ("next_batch", least_certain)):
            curves[name].append(_curve(start, pick, fit, vectors, full))
            print(f"seed {seed}, {name}: {_needed(curves[name][-1], full)} labels", file=sys.stderr)
    measured = {
        "sentences": len(labels),
        "test": len(test_labels),
        "full": full,
        "start": START,
        "batch": BATCH,
        "needed": {name: [_needed(curve, full) for curve in of_seeds] for name, of_seeds in curves.items()},
        "curves": curves,
    }
    write_whole(MEASURED / "next_batch.json", json.dumps(measured) + "\n")
    _draw(curves, full)
    print(next_batch_table())
    return DONE


def _at_random(margins: Floats, unlabelled: Ints, generator: np.random.Generator) -> list[int]:
    return list(generator.permutation(unlabelled)[:BATCH])


def _curve(start: list[int], pick: Pick, fit: Fit, vectors: Floats, full: float) -> list[float]:
    """Return macro F1 after each batch, until it is near the full score three times in a row, or all is labelled."""
    labelled, scores = list(start), []
    while True:
        score, model = fit(labelled)
        scores.append(score)
        unlabelled = np.setdiff1d(np.arange(len(vectors)), labelled)
        if not len(unlabelled) or (len(scores) > 3 and min(scores[-3:]) >= SHARE * full):
            return scores
        labelled += pick(margin(model.predict_proba(vectors[unlabelled])), unlabelled)


def _needed(curve: list[float], full: float) -> int:
    """Return the number of labels after which the score stays near the full one."""
    below = [number for number, score in enumerate(curve) if score < SHARE * full]
    return START + BATCH * (max(below, default=-1) + 1)


def _draw(curves: Mapping[str, Sequence[Sequence[float]]], full: float) -> None:
    from train.figures import curves_png

    with curves_png(PICTURE, "labelled sentences", "macro F1, test events") as axes:
        for name, colour, title in (("random", "#5f6368", "random order"), ("next_batch", "#1d5fa8", "least certain first")):
            length = min(map(len, curves[name]))
            scores = np.array([curve[:length] for curve in curves[name]])
            counts = START + BATCH * np.arange(length)
            axes.fill_between(counts, scores.min(axis=0), scores.max(axis=0), alpha=0.15, color=colour, linewidth=0)
            axes.plot(counts, scores.mean(axis=0), color=colour, label=title)
        axes.axhline(SHARE * full, color="#999999", linestyle=":", linewidth=1)


if __name__ == "__main__":
    sys.exit(main())
