"""List the sentences whose gold label a model trained without them finds hard to believe.

    python -m scripts.find_label_errors configs/real.yaml

How they are found: train/label_errors.py. The suspects, worst first, go to models/artifacts/NAME-label-errors.tsv, to be read
again by people, and with --push to a Label Studio project of their own. The labels stay as they are. Needs the optional groups:
pip install -e '.[train,studio]'
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from labels.annotations.standoff import sentence_hash
from labels.commands import DONE, command, execute
from labels.files import write_whole
from labels.scheme import LabelScheme, load_scheme
from train.config import load_config
from train.label_errors import Suspect, find_label_errors


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m train")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--push", metavar="TITLE", help="a Label Studio project for the review, made if there is none")
    parser.add_argument("--most", type=int, default=200, help="sentences to push at most")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config, arguments.overrides)
    scheme = load_scheme(config.data.scheme)
    suspects, total = find_label_errors(config, arguments.folds)
    path = config.output_dir / f"{config.name}-label-errors.tsv"
    write_whole(path, _table(suspects, scheme))
    print(f"{path}: {len(suspects)} of {total} sentences to read again")
    if arguments.push:
        _push(suspects[: arguments.most], scheme, arguments.push)
    return DONE


def _table(suspects: Sequence[Suspect], scheme: LabelScheme) -> str:
    lines = ["article\thash\tlabel\tmodel\tquality\ttext"]
    for suspect in suspects:
        text = suspect.labeled.sentence.text
        place = f"{suspect.article.article.id}\t{sentence_hash(text)}"
        labels = f"{suspect.labeled.label}\t{_best(suspect, scheme)}\t{suspect.quality:.4f}"
        lines.append(f"{place}\t{labels}\t{' '.join(text.split())}")
    return "\n".join(lines) + "\n"


def _push(suspects: Sequence[Suspect], scheme: LabelScheme, title: str) -> None:
    """Push suspects for review; the reviewer sees the gold label and the model's, with its probability."""
    from labels.studio.connect import connect
    from labels.studio.tasks import sentence_tasks
    from models.studio import push_tasks, review_project

    notes: dict[str, dict[int, str]] = {}
    articles = {suspect.article.article.id: suspect.article for suspect in suspects}
    for suspect in suspects:
        guess = f"{_best(suspect, scheme)} ({suspect.probabilities.max():.2f})"
        note = f"gold label: {suspect.labeled.label}, model: {guess}"
        notes.setdefault(suspect.article.article.id, {})[suspect.labeled.sentence.index] = note
    tasks = [
        task
        for name, annotated in articles.items()
        for task in sentence_tasks(annotated.article, [s.sentence for s in annotated.sentences], annotated.event, notes[name])
    ]
    studio = connect()
    push_tasks(studio, review_project(studio, scheme, title), tasks)


def _best(suspect: Suspect, scheme: LabelScheme) -> str:
    return scheme.names[int(suspect.probabilities.argmax())]


if __name__ == "__main__":
    sys.exit(main())
