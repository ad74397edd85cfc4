"""List the sentences whose gold label a model trained without them finds improbable.

    python -m scripts.find_label_errors configs/real.yaml

train/label_errors.py describes the method. The suspects are written to models/artifacts/NAME-label-errors.tsv, worst first, for
people to read again; with --push they also go to a Label Studio project. The labels are not changed. Needs the optional groups:
pip install 'newsvoice[train,studio]'
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
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m train")
    parser.add_argument("--folds", type=int, default=4, metavar="N", help="models to train (default: %(default)s)")
    parser.add_argument("--push", metavar="TITLE", help="a Label Studio project for the review; created if it does not exist")
    parser.add_argument("--most", type=int, default=200, metavar="N", help="sentences to push (default: %(default)s)")
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
        place = [suspect.article.article.id, sentence_hash(text)]
        labels = [str(suspect.labeled.label), _predicted(suspect, scheme), f"{suspect.quality:.4f}"]
        lines.append("\t".join([*place, *labels, " ".join(text.split())]))
    return "\n".join(lines) + "\n"


def _push(suspects: Sequence[Suspect], scheme: LabelScheme, title: str) -> None:
    """Push suspects for review; the reviewer sees the gold label and the model's, with its probability."""
    from labels.studio.connect import connect
    from labels.studio.tasks import sentence_tasks
    from models.studio import push_tasks, review_project

    articles = {suspect.article.article.id: suspect.article for suspect in suspects}
    notes: dict[str, dict[int, str]] = {article_id: {} for article_id in articles}
    for suspect in suspects:
        predicted = f"{_predicted(suspect, scheme)} ({suspect.probabilities.max():.2f})"
        note = f"gold label: {suspect.labeled.label}, model: {predicted}"
        notes[suspect.article.article.id][suspect.labeled.sentence.index] = note
    tasks = []
    for article_id, annotated in articles.items():
        sentences = [labeled.sentence for labeled in annotated.sentences]
        tasks += sentence_tasks(annotated.article, sentences, annotated.event, notes[article_id])
    studio = connect()
    push_tasks(studio, review_project(studio, scheme, title), tasks)


def _predicted(suspect: Suspect, scheme: LabelScheme) -> str:
    return scheme.names[int(suspect.probabilities.argmax())]


if __name__ == "__main__":
    sys.exit(main())
