"""Train on parts of the annotations, and draw how the score grows with their number.

    python -m scripts.learning_curve configs/real.yaml

train/learning_curve.py says what is trained. Writes docs/measured/learning.json and docs/learning-curve.png.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.commands import DONE, command, execute
from labels.files import write_whole
from scripts.tables import MEASURED, learning_table
from train.config import load_config
from train.learning_curve import WHOLE, learning_curve

PICTURE = Path("docs/learning-curve.png")


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m train")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    rows = learning_curve(load_config(arguments.config, arguments.overrides))
    write_whole(MEASURED / "learning.json", json.dumps(rows, indent=1) + "\n")
    _draw([row for row in rows if row["trained on"] == WHOLE or "of the events" in row["trained on"]])
    print(learning_table())
    return DONE


def _draw(rows: Sequence[dict[str, Any]]) -> None:
    from train.figures import curves_png

    sentences = [row["sentences"] for row in rows]
    lows = [row["macro_f1_interval"][0] for row in rows]
    highs = [row["macro_f1_interval"][1] for row in rows]
    with curves_png(PICTURE, "annotated sentences", "macro F1, real test articles") as axes:
        axes.fill_between(sentences, lows, highs, alpha=0.15, color="#1d5fa8", linewidth=0)
        axes.plot(sentences, [row["macro_f1"] for row in rows], marker="o", color="#1d5fa8", label="model")
        axes.plot(sentences, [row["tfidf"] for row in rows], marker="s", color="#5f6368", label="TF-IDF + logistic regression")
        axes.set(ylim=(0.3, 0.9))


if __name__ == "__main__":
    sys.exit(main())
