"""Measure what more annotations are worth: `learning_curve(config)` → a row for each part of the training events.

The parts are an eighth, a quarter, a half and all of the training events, then the original articles only and the real articles
only. Validation and test articles are always the same. The run with all events is the run of the config itself. Finished runs
are not repeated.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labels.annotations import AnnotatedArticle
from labels.errors import AnnotationError
from labels.scheme import load_scheme
from train.config import TrainConfig

PARTS = (0.125, 0.25, 0.5)
WHOLE = "all"  # title of the row with all training events


def learning_curve(config: TrainConfig) -> list[dict[str, Any]]:
    """Train on each part; return for each its title, its size and its test scores, the smallest part first.

    Raises:
        AnnotationError: the config's corpora have no original, no real, or no validation and test articles.
    """
    from train.data import read_corpora
    from train.run import train

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    held_out = [a for a in articles if a.split in ("validation", "test")]
    training = [a for a in articles if a.split not in ("validation", "test")]
    original = [a for a in training if a.split is None]
    real = [a for a in training if a.split == "train"]
    if not held_out or not original or not real:
        raise AnnotationError(
            "data.attached: the curve needs original and real articles; attach texts with: python -m scripts.attach_corpus"
        )
    rows = [_train_part(config, f"{part:.3g} of the events", _part(training, part, config.seed), held_out) for part in PARTS]
    rows.append(_scores(train(config), WHOLE, training))
    rows.append(_train_part(config, "original only", original, held_out))
    rows.append(_train_part(config, "real only", real, held_out))
    return rows


def _part(articles: Sequence[AnnotatedArticle], share: float, seed: int) -> list[AnnotatedArticle]:
    """Return the articles of a share of the events; smaller shares are contained in larger ones."""
    events = sorted({a.event for a in articles})
    random.Random(seed).shuffle(events)
    kept = set(events[: round(len(events) * share)])
    return [a for a in articles if a.event in kept]


def _train_part(
    config: TrainConfig, title: str, articles: Sequence[AnnotatedArticle], held_out: Sequence[AnnotatedArticle]
) -> dict[str, Any]:
    """Train on some articles; return the row of them."""
    from train.run import train_on

    name = f"{config.name}-{title.split(maxsplit=1)[0]}"
    folder = train_on(config, name, [*(replace(a, split="train") for a in articles), *held_out])
    return _scores(folder, title, articles)


def _scores(folder: Path, title: str, articles: Sequence[AnnotatedArticle]) -> dict[str, Any]:
    scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"]
    return {
        "trained on": title,
        "sentences": sum(len(a.sentences) for a in articles),
        "macro_f1": scores["macro_f1"],
        "macro_f1_interval": scores["macro_f1_interval"],
        "per_label": {label: of_label["f1"] for label, of_label in scores["per_label"].items()},
        "inherited_f1": scores["inherited"].get("f1"),
        "tfidf": scores["baselines"]["tfidf_logistic_regression"]["macro_f1"],
    }
