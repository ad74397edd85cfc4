"""Train on parts of the annotations and draw what each part is worth.

    python -m scripts.learning_curve configs/real.yaml

Macro F1 over the number of annotated sentences (an eighth, a quarter, a half and all of the training events), and original
articles only, real articles only; always the same validation and test articles. All of it is the config's own run. Runs that
are finished are not repeated.
Writes scripts/measured/learning.json and docs/learning-curve.png.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labels.annotations import AnnotatedArticle
from labels.errors import DONE, AnnotationError, exit_code, write_whole
from labels.scheme import load_scheme
from scripts.runs import train_on
from scripts.tables import MEASURED, learning_table
from train.config import TrainConfig, load_config

PARTS = (0.125, 0.25, 0.5)
PICTURE = Path("docs/learning-curve.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m train")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(load_config(arguments.config, arguments.overrides)))


def _run(config: TrainConfig) -> int:
    from train.data import read_corpora
    from train.trainer import train

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    held = [a for a in articles if a.split in ("validation", "test")]
    training = [a for a in articles if a.split not in ("validation", "test")]
    original = [a for a in training if a.split is None]
    real = [a for a in training if a.split == "train"]
    if not held or not original or not real:
        raise AnnotationError("the curve needs original and real articles; attach texts first (scripts/attach_corpus.py)")
    rows = [_scores(train(config), "all", training)]
    for part in PARTS:
        rows.insert(-1, _measure(config, f"{part:.3g} of the events", _part(training, part, config.seed), held))
    _draw(rows)
    rows += [_measure(config, "original only", original, held), _measure(config, "real only", real, held)]
    write_whole(MEASURED / "learning.json", json.dumps(rows, indent=1) + "\n")
    print(learning_table())
    return DONE


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


def _draw(rows: Sequence[dict[str, Any]]) -> None:
    from train.figures import curves_png

    sentences = [row["sentences"] for row in rows]
    low, high = ([row["macro_f1_interval"][side] for row in rows] for side in (0, 1))
    with curves_png(PICTURE, "annotated sentences", "macro F1, real test articles") as axes:
        axes.fill_between(sentences, low, high, alpha=0.15, color="#1d5fa8", linewidth=0)
        axes.plot(sentences, [row["macro_f1"] for row in rows], marker="o", color="#1d5fa8", label="model")
        axes.plot(sentences, [row["tfidf"] for row in rows], marker="s", color="#5f6368", label="TF-IDF + logistic regression")
        axes.set(ylim=(0.3, 0.9))


if __name__ == "__main__":
    sys.exit(main())
