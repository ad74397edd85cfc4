"""What more annotations are worth: `learning_curve(config)` → a row for each part of the training events.

An eighth, a quarter, a half and all of the training events, then original articles only and real articles only; always the same
validation and test articles. All of it is the config's own run. Runs that are finished are not repeated.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labels.annotations.corpus import AnnotatedArticle
from labels.errors import AnnotationError
from labels.scheme import load_scheme
from train.config import TrainConfig

PARTS = (0.125, 0.25, 0.5)
WHOLE = "all"  # what the row of all training events is called


def learning_curve(config: TrainConfig) -> list[dict[str, Any]]:
    """Train on each part; return its test scores beside what it was trained on, smallest part first.

    Raises:
        AnnotationError: the config's corpora have no original, no real, or no held-out articles.
    """
    from train.data import read_corpora
    from train.run import train

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    held = [a for a in articles if a.split in ("validation", "test")]
    training = [a for a in articles if a.split not in ("validation", "test")]
    original = [a for a in training if a.split is None]
    real = [a for a in training if a.split == "train"]
    if not held or not original or not real:
        raise AnnotationError("the curve needs original and real articles; attach texts first (scripts/attach_corpus.py)")
    rows = [_measure(config, f"{part:.3g} of the events", _part(training, part, config.seed), held) for part in PARTS]
    rows.append(_scores(train(config), WHOLE, training))
    return [*rows, _measure(config, "original only", original, held), _measure(config, "real only", real, held)]


def _part(articles: Sequence[AnnotatedArticle], share: float, seed: int) -> list[AnnotatedArticle]:
    """Return the articles of a share of the events; smaller shares are contained in larger ones."""
    events = sorted({a.event for a in articles})
    random.Random(seed).shuffle(events)
    kept = set(events[: round(len(events) * share)])
    return [a for a in articles if a.event in kept]


def _measure(
    config: TrainConfig, title: str, articles: Sequence[AnnotatedArticle], held: Sequence[AnnotatedArticle]
) -> dict[str, Any]:
    name = f"{config.name}-{title.split(maxsplit=1)[0]}"
    from train.run import train_on

    folder = train_on(config, name, [*(replace(a, split="train") for a in articles), *held])
    return _scores(folder, title, articles)


def _scores(folder: Path, title: str, articles: Sequence[AnnotatedArticle]) -> dict[str, Any]:
    scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"]
    return {
        "trained on": title,
        "sentences": sum(len(a.sentences) for a in articles),
        "macro_f1": scores["macro_f1"],
        "macro_f1_interval": scores["macro_f1_interval"],
        "per_label": {label: found["f1"] for label, found in scores["per_label"].items()},
        "inherited_f1": scores["inherited"].get("f1"),
        "tfidf": scores["baselines"]["tfidf_logistic_regression"]["macro_f1"],
    }
